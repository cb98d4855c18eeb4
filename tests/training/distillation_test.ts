/** A teacher's part of the loss equals float64 loops, and `train` obeys it. @module */
import {
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { layers, type LayersModel, sequential } from "@tensorflow/tfjs-layers";
import type { Batch } from "../../lib/data/batches/stream.ts";
import {
  distillationOf,
  type DistillationOptions,
  lossFor,
  type Teacher,
} from "../../lib/training/distillation.ts";
import {
  accuracy,
  crossEntropy,
  evaluate,
  type Loss,
  meanSquaredError,
  softCrossEntropy,
  train,
  type TrainingResult,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import { array, uniform } from "../random.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  weightsOf,
  withFolder,
} from "./tiny.ts";

/** Options that the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
type Unchecked = any;

type Settings = Omit<DistillationOptions, "teacher">;

function softmax(row: number[], temperature: number): number[] {
  const largest = Math.max(...row);
  const powers = row.map((x) => Math.exp((x - largest) / temperature));
  const sum = powers.reduce((sum, x) => sum + x);
  return powers.map((x) => x / sum);
}

/** The mean over what counts, and its gradient, by DeiT's equations 2 and 3. */
function reference(
  students: number[][],
  teachers: number[][],
  labels: number[],
  { weight, temperature }: { weight: number; temperature: number | null },
): { loss: number; gradient: number[] } {
  const count = labels.filter((label) => label !== -100).length;
  let loss = 0;
  const gradient = students.flatMap((student, i) => {
    const label = labels[i]!, teacher = teachers[i]!;
    if (label === -100) return student.map(() => 0);
    const likeliest = teacher.indexOf(Math.max(...teacher));
    const t = temperature ?? 1;
    const own = softmax(student, 1);
    const softened = softmax(student, t), wanted = softmax(teacher, t);
    loss -= (1 - weight) * Math.log(own[label]!) / count;
    return student.map((_, j) => {
      const labelled = own[j]! - Number(j === label);
      let taught: number;
      if (temperature === null) {
        if (j === likeliest) loss -= weight * Math.log(own[j]!) / count;
        taught = own[j]! - Number(j === likeliest);
      } else {
        const ratio = Math.log(wanted[j]! / softened[j]!);
        loss += weight * t * t * wanted[j]! * ratio / count;
        taught = t * (softened[j]! - wanted[j]!);
      }
      return ((1 - weight) * labelled + weight * taught) / count;
    });
  });
  return { loss, gradient };
}

const CASES: [Settings, { weight: number; temperature: number | null }][] = [
  [{}, { weight: 0.5, temperature: null }],
  [{ labels: "hard", weight: 1 }, { weight: 1, temperature: null }],
  [{ labels: "soft" }, { weight: 0.1, temperature: 3 }],
  [{ labels: "soft", weight: 1, temperature: 1 }, {
    weight: 1,
    temperature: 1,
  }],
  [{ labels: "soft", weight: 0.7, temperature: 0.5 }, {
    weight: 0.7,
    temperature: 0.5,
  }],
];

const SHAPE = [2, 3, 7] as const;

for (const [settings, wanted] of CASES) {
  onEachBackend(
    `distillation ${JSON.stringify(settings)} equals float64`,
    async () => {
      const [sequences, length, classes] = SHAPE;
      const random = uniform(1);
      const logitsOf = () =>
        array(sequences * length * classes, random, (u) => 12 * u - 6);
      const rowsOf = (values: Float32Array) =>
        Array.from({ length: sequences * length }, (_, i) => [
          ...values.subarray(i * classes, (i + 1) * classes),
        ]);
      const [student, taught] = [logitsOf(), logitsOf()];
      const labels = [3, -100, 0, 6, 6, -100];
      const logits = tf.tensor3d(student, [...SHAPE]);
      const expectedLabels = tf.tensor2d(labels, [sequences, length], "int32");
      const known = tf.tensor3d(taught, [...SHAPE]);
      const teacher = () => known;
      const distillation = distillationOf({ teacher, ...settings });
      const loss = lossFor(crossEntropy(), distillation)([]);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        tf.mul(loss(x, expectedLabels), 3)
      )(logits);
      const expected = reference(
        rowsOf(student),
        rowsOf(taught),
        labels,
        wanted,
      );
      const [actual] = await value.data();
      assertAlmostEquals(actual!, 3 * expected.loss, 2e-5);
      const gradient = await grad.data();
      expected.gradient.forEach((x, i) =>
        assertAlmostEquals(gradient[i]!, 3 * x, 5e-6)
      );
      const count = loss.count!(expectedLabels);
      assertEquals([...await count.data()], [4]);
      tf.dispose([logits, expectedLabels, known, value, grad, count]);
    },
  );
}

onEachBackend(
  "a teacher's rows have the weights of the labels, soft or of classes",
  async () => {
    const random = uniform(4);
    const rows = 6, classes = 3;
    const draw = () => array(rows * classes, random, (u) => 8 * u - 4);
    const student = draw(), taught = draw();
    const labels = [0, 2, -100, 1, 2, 2];
    /** The loss, its gradient and its count on some rows, of either kind of labels. */
    const on = async (
      { loss, kind, first = 0, end = rows }: {
        readonly loss: Loss;
        readonly kind: "hard" | "soft";
        readonly first?: number;
        readonly end?: number;
      },
    ) => {
      const count = end - first;
      const some = (values: Float32Array) =>
        tf.tensor2d(values.slice(first * classes, end * classes), [
          ...[count, classes] as const,
        ]);
      const [x, known] = [some(student), some(taught)];
      const own = labels.slice(first, end);
      const y = loss.ofClasses
        ? tf.tensor1d(own, "int32")
        : tf.tensor2d(own.map((c) => [0, 1, 2].map((i) => Number(i === c))));
      const distillation = distillationOf({
        ...{ teacher: () => known, labels: kind, weight: 0.3 },
      });
      const both = lossFor(loss, distillation)([]);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => both(x, y))(x);
      const counted = both.count!(y);
      const figures = [
        (await counted.data())[0]!,
        (await value.data())[0]!,
        ...await grad.data(),
      ];
      tf.dispose([x, known, y, value, grad, counted]);
      return figures;
    };
    const close = (actual: number[], expected: number[]) =>
      expected.forEach((x, i) => assertAlmostEquals(actual[i]!, x, 1e-5));
    for (const kind of ["hard", "soft"] as const) {
      const plain = await on({ loss: crossEntropy(), kind });
      close(await on({ loss: softCrossEntropy(), kind }), plain);
      const ones = crossEntropy({ classWeights: [1, 1, 1] });
      close(await on({ loss: ones, kind }), plain);
      // What two ranks, or two batches, add up to.
      const loss = crossEntropy({ classWeights: [3, 0.5, 1] });
      const whole = await on({ loss, kind });
      const parts = [
        await on({ loss, kind, end: 2 }),
        await on({ loss, kind, first: 2 }),
      ];
      const [a, b] = parts.map(([count]) => count!);
      close([a! + b!, (a! * parts[0]![1]! + b! * parts[1]![1]!) / (a! + b!)], [
        ...whole.slice(0, 2),
      ]);
    }
  },
);

onEachBackend("distillation of labels that do not count is 0", async () => {
  const logits = tf.tensor2d([[1, 2], [3, 4]]);
  const labels = tf.tensor1d([-100, -100], "int32");
  const known = tf.tensor2d([[5, 0], [0, 5]]);
  for (const kind of ["hard", "soft"] as const) {
    const loss = lossFor(
      crossEntropy(),
      distillationOf({ teacher: () => known, labels: kind }),
    )([]);
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x, labels))(
      logits,
    );
    assertEquals([...await value.data()], [0]);
    assertEquals([...await grad.data()], [0, 0, 0, 0]);
    tf.dispose([value, grad]);
  }
  tf.dispose([logits, labels, known]);
});

/** Trains a new student, with options that are part of {@linkcode tinyOptions}. */
async function study(
  distillation: DistillationOptions,
  options: Partial<TrainOptions> = {},
  until?: number,
): Promise<TrainingResult> {
  const stop = new AbortController();
  const student = tinyModel({ depth: 1 });
  try {
    return await train(student, tinyData(), {
      ...tinyOptions({ steps: 8, ...options }),
      distillation,
      signal: stop.signal,
      callbacks: {
        onBatchEnd: (_, logs) => {
          if (logs!["step"] === until) stop.abort();
        },
      },
    });
  } finally {
    student.dispose();
  }
}

onEachBackend(
  "a model that teaches is in inference mode, and does not change",
  async () => {
    // Its dropout would change what it says of a batch.
    const teacher = tinyModel({ depth: 1, seed: 2, dropout: 0.5 });
    const before = await weightsOf(teacher);
    const seen: number[][][] = [];
    const says = (inputs: readonly tf.Tensor[]) => {
      seen.push(inputs.map(({ shape }) => shape));
      return teacher.predict([...inputs]) as tf.Tensor;
    };
    for (const labels of ["soft", "hard"] as const) {
      const losses = [];
      for (const asked of [teacher, says]) {
        const result = await study({ teacher: asked, labels }, { steps: 4 });
        losses.push(result.losses);
      }
      assertEquals(losses[0], losses[1]);
    }
    assertEquals(await weightsOf(teacher), before);
    // Two batches a step, with the masks of their tokens.
    assertEquals(seen, Array(16).fill([[4, 5, 2], [4, 5]]));
    teacher.dispose();
  },
);

onEachBackend(
  "a teacher that answers with a promise teaches as one that answers at once",
  async () => {
    const model = tinyModel({ depth: 1, seed: 2 });
    const says = (inputs: readonly tf.Tensor[]) =>
      model.predict([...inputs]) as tf.Tensor;
    const later = async (inputs: readonly tf.Tensor[]) => {
      await new Promise((resolve) => setTimeout(resolve));
      return says(inputs);
    };
    const undeclared: Teacher = (inputs) => later(inputs);
    for (const labels of ["soft", "hard"] as const) {
      const { losses } = await study({ teacher: says, labels });
      for (const teacher of [later, undeclared]) {
        for (const record of [false, true]) {
          const before = tf.memory().numTensors;
          const taught = await study({ teacher, labels }, { record });
          assertEquals(taught.losses, losses);
          assertEquals(tf.memory().numTensors, before);
          if (record) assertLess(0, taught.replayed.batches);
        }
      }
    }
    await assertRejects(
      () => study({ teacher: () => Promise.reject(new Error("is away")) }),
      Error,
      "is away",
    );
    model.dispose();
  },
  ["wasm", "cpu"],
);

/** Which of the classes has the largest part of the tokens' sum. */
function ruled(position: number, isLabelled: boolean): Batch {
  const { inputs, labels, size } = tinyBatch(position, 16);
  if (!isLabelled) return { inputs, labels, size };
  labels.dispose();
  const right = tf.tidy(() => {
    const [left, up] = tf.unstack(tf.mean(inputs[0]!, 1), 1);
    const third = tf.fill([size], 0.5);
    return tf.cast(tf.argMax(tf.stack([left!, up!, third], 1), 1), "int32");
  });
  return { inputs, labels: right, size };
}

onEachBackend(
  "a student learns from its teacher what labels do not say",
  async () => {
    const options = tinyOptions({
      steps: 150,
      loss: crossEntropy(),
      optimizer: { accumulate: 1, learningRate: 0.02, weightDecay: 0 },
    });
    const make = (seed: number) =>
      tinyModel({ depth: 1, dim: 8, dropout: 0, dropPath: 0, seed });
    const score = async (model: LayersModel) => {
      async function* unseen() {
        for (let i = 1; i <= 8; i++) {
          yield await Promise.resolve(
            ruled(-i, true),
          );
        }
      }
      const metrics = { accuracy: accuracy() };
      const means = await evaluate(model, unseen(), {
        loss: crossEntropy(),
        metrics,
      });
      return means["accuracy"]!;
    };
    const [teacher, student] = [make(1), make(2)];
    await train(
      teacher,
      tinyData((position) => ruled(position, true)),
      options,
    );
    const before = await score(student);
    await train(student, tinyData((position) => ruled(position, false)), {
      ...options,
      distillation: { teacher, labels: "soft", weight: 1 },
    });
    const [taught, teachers] = [await score(student), await score(teacher)];
    assertLess(0.75, teachers);
    assertLess(0.75, taught);
    assertLess(before, taught);
    teacher.dispose();
    student.dispose();
  },
  ["wasm"],
);

onEachBackend(
  "a resumed run with a teacher equals one that was not interrupted",
  () =>
    withFolder(async (folder) => {
      const teacher = tinyModel({ depth: 1, seed: 2 });
      const how = { teacher, labels: "soft", temperature: 2 } as const;
      const saved = {
        checkpoints: { folder, every: 3, resume: true },
      };
      const expected = await study(how);
      const parts = [await study(how, saved, 5), await study(how, saved)];
      assertEquals(parts.map(({ steps }) => steps), [5, 8]);
      assertEquals(parts.flatMap(({ losses }) => losses), [...expected.losses]);

      const other = tinyModel({ depth: 1, seed: 3 });
      const changes: [DistillationOptions, string][] = [
        [{ ...how, weight: 0.2 }, "- distillation's weight was 0.1, is 0.2"],
        [
          { ...how, temperature: 1 },
          "- distillation's temperature was 2, is 1",
        ],
        [
          { teacher, labels: "hard" },
          '- distillation\'s labels was "soft", is "hard"',
        ],
        [
          { ...how, teacher: other },
          "- distillation's teacher was \"model of weights with",
        ],
        [
          { ...how, teacher: () => tf.zeros([4, 3]) },
          "- distillation's teacher was",
        ],
      ];
      for (const [changed, difference] of changes) {
        await assertRejects(
          () => study(changed, saved),
          RangeError,
          difference,
        );
      }
      teacher.dispose();
      other.dispose();
    }),
  ["wasm", "cpu"],
);

onCpu("train() checks how it is taught", async () => {
  const teacher: Teacher = () => tf.zeros([4, 3]);
  const checked: [Unchecked, typeof TypeError | typeof RangeError, string][] = [
    [
      { teacher, tau: 1 },
      TypeError,
      'train\'s distillation has no option "tau"',
    ],
    [
      "hard",
      TypeError,
      "options of train's distillation should be an object",
    ],
    [
      {},
      TypeError,
      "distillation's teacher should be a model or a function of a batch's inputs, got undefined",
    ],
    [{ teacher: null }, TypeError, "got null"],
    [
      { teacher, labels: "firm" },
      RangeError,
      'distillation\'s labels should be "hard" or "soft", got "firm"',
    ],
    [
      { teacher, weight: "1" },
      TypeError,
      "distillation's weight should be a number, got string",
    ],
    ...[0, -1, 1.1, NaN].map((weight) =>
      [
        { teacher, weight },
        RangeError,
        `distillation's weight should be above 0, and 1 or less, got ${weight}`,
      ] as [Unchecked, typeof RangeError, string]
    ),
    [
      { teacher, labels: "soft", temperature: 0 },
      RangeError,
      "distillation's temperature should be above 0 and finite, got 0",
    ],
    [
      { teacher, labels: "soft", temperature: "3" },
      TypeError,
      "distillation's temperature should be a number, got string",
    ],
    [
      { teacher, temperature: 3 },
      RangeError,
      "distillation's temperature is for soft labels, got 3 with hard ones; leave it out",
    ],
  ];
  for (const [options, kind, message] of checked) {
    assertThrows(() => distillationOf(options), kind, message);
    await assertRejects(() => study(options), kind, message);
  }
  const asked: [Unchecked, string][] = [
    [
      () => tf.zeros([4, 2]),
      "distillation's teacher should have logits of the model's shape, [4,3], got [4,2]",
    ],
    [
      () => Promise.resolve(),
      "distillation's teacher should return a tensor of logits, or a promise of one, got undefined",
    ],
    [
      () => Promise.resolve(tf.zeros([4, 2])),
      "distillation's teacher should have logits of the model's shape, [4,3], got [4,2]",
    ],
    [() => 1, "or a promise of one, got number"],
  ];
  for (const [teacher, message] of asked) {
    await assertRejects(() => study({ teacher }), TypeError, message);
  }
  const wide = tinyModel({ depth: 1, numClasses: 2 });
  await assertRejects(
    () => study({ teacher: wide }),
    TypeError,
    "logits of the model's shape, [4,3], got [4,2]",
  );
  wide.dispose();
  const dense = layers.dense({ units: 3, inputShape: [2] });
  const plain = sequential({ layers: [dense] });
  await assertRejects(
    () => study({ teacher: plain }),
    TypeError,
    "distillation's teacher should have as many inputs as the model, 2, got 1",
  );
  plain.dispose();
  const squares = { loss: meanSquaredError() };
  await assertRejects(
    () => study({ teacher: () => tf.zeros([4, 3]) }, squares),
    TypeError,
    "labels should have the shape of the predictions, [4,3], got [4]",
  );
});
