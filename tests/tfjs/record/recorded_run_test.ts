/** Runs that are recorded give the same when they are replayed, and are not where they differ. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  tokensIn,
  withoutPadding,
} from "../../../lib/operations/padding/padding.ts";
import {
  composed,
  recordRun,
  runInReplays,
} from "../../../lib/tfjs/record/recorder.ts";
import type { Recording } from "../../../lib/tfjs/record/replay.ts";
import { ReplayedRuns } from "../../../lib/tfjs/record/runs.ts";
import { alive, onEachBackend } from "../../backends.ts";

/** Records a run, and disposes of its results. */
function recorded(
  inputs: readonly tf.Tensor[],
  run: () => tf.Tensor | tf.Tensor[],
): Recording {
  return tf.tidy(() => {
    const { recording, outputs } = recordRun(inputs, () => [run()].flat());
    assert(outputs.every((output) => !output.isDisposed));
    return recording as Recording & tf.TensorContainer;
  });
}

async function valuesOf(tensors: readonly tf.Tensor[]): Promise<number[][]> {
  const values = await Promise.all(tensors.map((x) => x.data()));
  return values.map((x) => [...x]);
}

onEachBackend("a replay computes what the function would", async () => {
  const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3, 4])));
  const mask = tf.tensor1d([1, 0, 1, 1]);
  const run = (x: tf.Tensor2D) => {
    const { value, grads } = tf.variableGrads(() => {
      const [left, right] = tf.split(tf.mul(x, weight), 2, 1);
      const joined = tf.concat([left!, tf.exp(right!), left!], 1);
      const masked = tf.mul(tf.reshape(x, [-1]), tf.tile(mask, [2]));
      return tf.add(tf.sum(tf.square(joined)), tf.mean(masked)) as tf.Scalar;
    }, [weight]);
    // An input, a variable, a constant, a shape of one of them, and one twice.
    const gradient = grads[weight.name]!;
    const others = [x, tf.scalar(7), tf.reshape(x, [8]), tf.clone(weight)];
    return [value, gradient, gradient, ...others];
  };
  const inputs = [1, 2].map((seed) =>
    tf.randomUniform<tf.Rank.R2>([2, 4], -1, 1, "float32", seed)
  );
  const recording = recorded([inputs[0]!], () => run(inputs[0]!));
  assertEquals(recording.refusal, undefined);
  for (const x of inputs) {
    const before = alive();
    const replayed = tf.tidy(() => recording.replay([x]));
    const wanted = tf.tidy(() => run(x).map((y) => tf.clone(y)));
    assertEquals(await valuesOf(replayed), await valuesOf(wanted));
    assertEquals(
      replayed.map(({ shape, dtype }) => [shape, dtype]),
      wanted.map(({ shape, dtype }) => [shape, dtype]),
    );
    tf.dispose([replayed, wanted]);
    assertEquals(alive(), before);
    // Variables are read where they are then.
    tf.tidy(() => weight.assign(tf.mul(weight, 2)));
  }
  recording.dispose();
  tf.dispose([inputs, weight, mask]);
});

onEachBackend(
  "what had no padding when it was recorded has some in a replay",
  async () => {
    const run = (x: tf.Tensor3D, mask: tf.Tensor2D) => [
      withoutPadding(x, mask),
      tf.neg(x),
      tf.mul(tokensIn("mask", mask), 2),
      tf.neg(mask),
    ];
    const x = tf.tensor3d([1, 2, 3, 4], [1, 2, 2]);
    const masks = [[1, 1], [1, 0], [0.5, 1]]
      .map((mask) => tf.tensor2d([mask], [1, 2]));
    const recording = recorded([x, masks[0]!], () => run(x, masks[0]!));
    assertEquals(recording.refusal, undefined);
    for (const mask of masks) {
      const before = alive();
      const replayed = tf.tidy(() => recording.replay([x, mask]));
      const wanted = tf.tidy(() => run(x, mask));
      assertEquals(await valuesOf(replayed), await valuesOf(wanted));
      tf.dispose([replayed, wanted]);
      assertEquals(alive(), before);
    }
    assertEquals([...await x.data()], [1, 2, 3, 4]);
    recording.dispose();
    tf.dispose([x, masks]);
  },
);

onEachBackend("operations under a name are one step if asked for", async () => {
  const x = tf.tensor1d([1, 2]);
  const run = (x: tf.Tensor) => {
    const inputs = { x, none: undefined };
    const cube = () => tf.mul(tf.mul(x, x), x);
    return [tf.neg(composed("Cube", inputs, { power: 3 }, cube))];
  };
  const recordedWith = (keepsComposed: boolean): Recording =>
    tf.tidy(() => {
      const { recording } = recordRun([x], () => run(x), keepsComposed);
      return recording as Recording & tf.TensorContainer;
    });
  const [parts, whole] = [recordedWith(false), recordedWith(true)];
  const names = ({ trace }: Recording) => trace.steps.map(({ name }) => name);
  assertEquals(names(parts), ["Multiply", "Multiply", "Neg"]);
  assertEquals(names(whole), ["Cube", "Neg"]);
  const [cube, minus] = whole.trace.steps;
  assertEquals(cube!.attributes, { power: 3 });
  assertEquals(cube!.inputs.map(([name, view]) => [name, view?.slot]), [
    ["x", 0],
    ["none", undefined],
  ]);
  assertEquals(cube!.outputs[0], minus!.inputs[0]![1]);
  const [y] = tf.tidy(() => parts.replay([x])) as [tf.Tensor];
  assertEquals([...await y.data()], [-1, -8]);
  assertThrows(
    () => tf.tidy(() => whole.replay([x])),
    TypeError,
    "Cube was recorded as one step",
  );
  parts.dispose();
  whole.dispose();
  tf.dispose([x, y]);
});

/** A function of x that cannot be replayed, and why. */
const REFUSED: readonly [string, (x: tf.Tensor) => tf.Tensor | tf.Tensor[]][] =
  [
    ["draws random numbers without a seed", (x) => tf.dropout(x, 0.5)],
    ["reads the values of a tensor", (x) => {
      x.data();
      return tf.neg(x);
    }],
    ["makes a variable", (x) => {
      const variable = tf.variable(x);
      variable.dispose();
      return tf.neg(x);
    }],
    [
      "has tensors of strings or of complex numbers",
      (x) => tf.real(tf.complex(x, x)),
    ],
  ];

onEachBackend("what does not depend on tensors alone is refused", (backend) => {
  const x = tf.tensor1d([1, 2, 3]);
  for (const [reason, run] of REFUSED) {
    if (reason.includes("complex") && !tf.getKernel("Complex", backend)) {
      continue;
    }
    const recording = recorded([x], () => run(x));
    assertEquals(recording.refusal, reason);
    recording.dispose();
  }
  if (backend !== "webgpu") { // which cannot wait for values
    const reading = recorded([x], () => tf.mul(x, x.dataSync()[0]!));
    assertEquals(reading.refusal, "reads the values of a tensor");
    reading.dispose();
  }
  const variable = tf.tidy(() => tf.variable(tf.zeros([3])));
  const given = recorded([variable], () => tf.neg(variable));
  assertEquals(given.refusal, "gets a variable");
  const assigning = recorded([x], () => {
    variable.assign(x as tf.Tensor1D);
    return tf.neg(x);
  });
  assertEquals(assigning.refusal, "changes a variable");
  variable.dispose();
  const twice = recorded([x, x], () => tf.neg(x));
  assertEquals(twice.refusal, "gets one tensor twice");
  const large = recorded([x], () => tf.zeros([5_000_000]));
  assertEquals(
    large.refusal,
    "makes tensors of more than 16777216 bytes from values",
  );
  for (const run of [assigning, twice, large, given]) run.dispose();
  x.dispose();
});

onEachBackend("two runs that differ say how", () => {
  const x = tf.tensor1d([1, 2, 3]);
  const difference = (
    first: () => tf.Tensor | tf.Tensor[],
    second: () => tf.Tensor | tf.Tensor[],
  ) => {
    const [one, other] = [recorded([x], first), recorded([x], second)];
    const words = one.differenceFrom(other);
    for (const run of [one, other]) run.dispose();
    return words;
  };
  const kernels = "does not run the same kernels each time";
  assertEquals(difference(() => tf.neg(x), () => tf.neg(x)), undefined);
  assertEquals(difference(() => tf.neg(x), () => tf.abs(x)), kernels);
  assertEquals(difference(() => tf.neg(x), () => tf.neg(tf.abs(x))), kernels);
  assertEquals(
    difference(() => [tf.neg(x), x], () => [x, tf.neg(x)]),
    kernels,
  );
  assertEquals(
    difference(() => tf.slice(x, 0, 1), () => tf.slice(x, 1, 1)),
    "runs Slice with other attributes each time",
  );
  assertEquals(
    difference(() => tf.mul(x, 2), () => tf.mul(x, 3)),
    "makes tensors of other values each time",
  );
  const [a, b] = [tf.ones([3]), tf.ones([3])];
  assertEquals(
    difference(() => tf.mul(x, a), () => tf.mul(x, b)),
    "reads other tensors each time",
  );
  tf.dispose([x, a, b]);
});

onEachBackend(
  "a replay runs again what it has to, on its own inputs",
  async () => {
    let number = 0;
    const seen: number[] = [];
    const [x, y] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4])];
    const recording = recorded([x], () => {
      runInReplays([x], ([x]) => void seen.push(x!.shape[0]!));
      return tf.add(x, runInReplays([], () => tf.scalar(++number)));
    });
    assertEquals(recording.refusal, undefined);
    const before = alive();
    for (const [input, wanted] of [[x, [3, 4]], [y, [6, 7]]] as const) {
      const [sum] = tf.tidy(() => recording.replay([input]));
      assertEquals<number[]>([...await sum!.data()], [...wanted]);
      sum!.dispose();
    }
    assertEquals(seen, [2, 2, 2]);
    assertEquals(alive(), before);
    recording.dispose();
    tf.dispose([x, y]);
  },
);

onEachBackend("a run or a replay that throws leaves nothing", () => {
  const x = tf.tensor1d([1, 2]);
  let isBroken = false;
  const run = () => {
    const y = tf.mul(tf.exp(x), tf.scalar(3));
    runInReplays([y], () => {
      if (isBroken) throw new RangeError("broken");
    });
    return tf.reshape(y, [1, 2]);
  };
  const recording = recorded([x], run);
  const before = alive(), { random } = Math;
  isBroken = true;
  assertThrows(() => tf.tidy(() => recording.replay([x])), RangeError);
  assertThrows(() => recorded([x], run), RangeError, "broken");
  assertEquals(alive(), before);
  assertEquals(Math.random, random);
  recording.dispose();
  x.dispose();
});

onEachBackend("a result whose shape depends on values is refused", () => {
  const x = tf.tensor1d([1, 1, 2], "int32"),
    y = tf.tensor1d([1, 2, 3], "int32");
  const recording = recorded([x], () => tf.unique(x).values);
  const before = alive();
  const [same] = tf.tidy(() => recording.replay([x]));
  assertEquals(same!.shape, [2]);
  same!.dispose();
  assertThrows(
    () => tf.tidy(() => recording.replay([y])),
    RangeError,
    "Unique should return a tensor of the same shape each time that a run is replayed, [2], got [3]",
  );
  assertEquals(alive(), before);
  recording.dispose();
  tf.dispose([x, y]);
}, ["wasm", "cpu"]);

onEachBackend("the fourth of equal runs is replayed", async () => {
  const runs = new ReplayedRuns("a test");
  let calls = 0;
  for (let i = 0; i < 6; i++) {
    for (const size of [2, 3]) {
      const x = tf.fill([size], i);
      const [y] = tf.tidy(() =>
        runs.run("", [x], () => {
          calls++;
          return [tf.square(x)];
        })
      );
      assertEquals([...await y!.data()], Array(size).fill(i * i));
      tf.dispose([x, y!]);
    }
  }
  assertEquals([calls, runs.replays, runs.refusal], [6, 6, undefined]);
  runs.dispose();
});

onEachBackend(
  "a run that changes later is found, told of and no more replayed",
  () => {
    const { warn } = console;
    const warnings: string[] = [];
    console.warn = (text: string) => void warnings.push(text);
    const runs = new ReplayedRuns("changing run");
    const x = tf.scalar(1);
    let factor = 2, calls = 0;
    try {
      for (let i = 1; i <= 150; i++) {
        if (i === 100) factor = 3;
        tf.tidy(() =>
          void runs.run("", [x], () => [tf.mul(x, ++calls && factor)])
        );
      }
    } finally {
      console.warn = warn;
      runs.dispose();
      x.dispose();
    }
    // Of the first 128, three begin, and five are looked at.
    assertEquals([runs.replays, calls], [128 - 8, 8 + 150 - 128]);
    assertEquals(warnings, [
      "each changing run from 65 to 127 was replayed as it had been before, but 128 " +
      "shows that it makes tensors of other values each time: what was computed from " +
      "65 on may be wrong, and it is not replayed any more",
    ]);
  },
  ["cpu"],
);

onEachBackend("runs are looked at more often while they are few", () => {
  const runs = new ReplayedRuns("a test of looks");
  const x = tf.scalar(1);
  const looked: number[] = [];
  for (let number = 1; number <= 1000; number++) {
    const place = { isLast: number === 1000 };
    const run = () => [tf.mul(x, looked.push(number) && 2)];
    tf.tidy(() => void runs.run("", [x], run, place));
  }
  assertEquals(looked, [
    ...[1, 2, 3],
    ...[8, 16, 32, 64, 128, 256, 512, 768, 1000],
  ]);
  assertEquals([runs.replays, runs.refusal], [1000 - 12, undefined]);
  runs.dispose();
  x.dispose();
}, ["wasm", "cpu"]);

onEachBackend("a tensor that is disposed of is not read any more", async () => {
  const runs = new ReplayedRuns("a test of tensors");
  const x = tf.scalar(10);
  let factor: tf.Tensor = tf.scalar(2);
  const before = alive();
  for (let i = 0; i < 14; i++) {
    if (i === 6) {
      factor.dispose();
      factor = tf.scalar(3);
    }
    const [y] = tf.tidy(() => runs.run("", [x], () => [tf.mul(x, factor)]));
    assertEquals([...await y!.data()], [i < 6 ? 20 : 30]);
    y!.dispose();
  }
  assert(runs.replays > 5);
  assertEquals(runs.refusal, undefined);
  // One that is new each time is not waited for.
  for (let i = 0; i < 20; i++) {
    tf.tidy(() => {
      const one = tf.scalar(i);
      return void runs.run("other", [x], () => [tf.mul(x, one)]);
    });
  }
  assertEquals(runs.refusal, "finds other tensors or variables each time");
  runs.dispose();
  assertEquals(alive(), before);
  tf.dispose([x, factor]);
});

onEachBackend("recordings of shapes that do not return are forgotten", () => {
  const runs = new ReplayedRuns("shapes");
  const before = alive();
  for (let size = 1; size <= 40; size++) {
    for (let i = 0; i < 4; i++) {
      tf.tidy(() => {
        const x = tf.ones([size]);
        return void runs.run("", [x], () => [tf.mul(x, 2)]);
      });
    }
  }
  // One constant for each recording that is kept.
  assertEquals(alive().tensors - before.tensors, 16);
  runs.dispose();
}, ["wasm", "cpu"]);

onEachBackend(
  "a disposed variable, or a profile, is not replayed",
  async () => {
    const runs = new ReplayedRuns("a test of variables");
    const run = (x: tf.Tensor, weight: tf.Variable) =>
      tf.tidy(() => runs.run("", [x], () => [tf.mul(x, weight)]))[0]!;
    const x = tf.tensor1d([1, 2]);
    const [a, b] = tf.tidy(() =>
      [2, 3].map((value) => tf.variable(tf.scalar(value)))
    ) as [tf.Variable, tf.Variable];
    for (let i = 0; i < 5; i++) run(x, a).dispose();
    assertEquals(runs.replays, 2);
    a.dispose();
    const y = run(x, b);
    assertEquals([...await y.data()], [3, 6]);
    y.dispose();
    for (let i = 0; i < 3; i++) run(x, b).dispose();
    const { replays } = runs;
    const { kernelNames } = await tf.profile(() => void run(x, b).dispose());
    assertEquals([kernelNames, runs.replays], [["Multiply"], replays]);
    runs.dispose();
    tf.dispose([x, b]);
  },
  ["wasm", "cpu"],
);

onEachBackend("weights that share data part, and meet again", async () => {
  const runs = new ReplayedRuns("a test of shared data");
  const [a, b] = tf.tidy(() =>
    [2, 3].map((value) => tf.variable(tf.scalar(value)))
  ) as [tf.Variable, tf.Variable];
  const x = tf.scalar(10), copy = a.clone();
  const compute = () => [tf.add(tf.mul(x, a), b), tf.mul(x, copy)];
  const set = (weight: tf.Variable, to: number) => () =>
    tf.tidy(() => weight.assign(tf.scalar(to)));
  const changes = [
    () => {},
    () => b.assign(a),
    set(a, 4),
    set(b, 5),
    () => a.assign(b),
    set(b, 6),
  ];
  for (const change of changes) {
    change();
    const before = runs.replays;
    for (let i = 0; i < 5; i++) {
      const [y, wanted] = tf.tidy(
        () => [runs.run("", [x], compute), compute()],
      )!;
      assertEquals(await valuesOf(y!), await valuesOf(wanted!));
      tf.dispose([y!, wanted!]);
    }
    assert(runs.replays > before);
  }
  assertEquals(runs.refusal, undefined);
  runs.dispose();
  tf.dispose([a, b, x, copy]);
});
