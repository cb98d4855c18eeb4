/** Hydra's and Vim's mixers against their authors' definitions in float64. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  hydraMixer,
  lionAttentionLayer,
  lionGpt,
  lionViT,
  type Mixer,
  vimMixer,
} from "../../mod.ts";
import type { MixerCall, MixerState } from "../../lib/layers/mod.ts";
import { loadPyTorchWeights } from "../../lib/io/mod.ts";
import * as tfl from "@tensorflow/tfjs-layers";
import { onEachBackend } from "../backends.ts";
import { differences } from "../comparison.ts";
import type { Differentiated } from "../float64.ts";
import { type MixerProblem, solveHydra, solveVim } from "../mixer_oracles.ts";
import { sample } from "../sample.ts";
import { CALL, problemOf as mixerProblemOf, run } from "./mixer_problem.ts";

/** Largest errors, relative to the largest value. */
const MOST = { forward: 2e-5, gradient: 1e-4 };

/** A mixer, and its definition. */
interface Subject {
  readonly name: string;
  readonly dim: number;
  readonly mixer: Mixer;
  readonly solve: (problem: MixerProblem) => Differentiated;
  readonly causal?: boolean;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "vim",
    dim: 5,
    mixer: vimMixer({ stateDim: 3 }),
    solve: (problem) => solveVim(problem, { stateDim: 3, average: true }),
  },
  {
    name: "vim, added up",
    dim: 3,
    mixer: vimMixer({
      ...{ stateDim: 2, convSize: 3, expand: 3, stepRank: 2, average: false },
    }),
    solve: (problem) => solveVim(problem, { stateDim: 2, average: false }),
  },
  {
    name: "vim, causal",
    dim: 3,
    mixer: vimMixer({ stateDim: 2, causal: true }),
    solve: (problem) =>
      solveVim(problem, { stateDim: 2, average: true, causal: true }),
    causal: true,
  },
  {
    name: "hydra",
    dim: 5,
    mixer: hydraMixer({ stateDim: 3, headDim: 5 }),
    solve: (problem) => solveHydra(problem, { stateDim: 3, headDim: 5 }),
  },
  {
    name: "hydra of one head",
    dim: 3,
    mixer: hydraMixer({ stateDim: 2, numHeads: 1, expand: 1, convSize: 3 }),
    solve: (problem) => solveHydra(problem, { stateDim: 2, headDim: 3 }),
  },
];

const CASES = [1, 19, 70].flatMap((length) =>
  [1, 2].flatMap((batch) =>
    SUBJECTS.map((subject) => ({ ...subject, batch, length }))
  )
);

/** Seeded numbers around a parameter's usual ones. */
function problemOf({ mixer, dim }: Subject, batch: number, length: number) {
  const seed = length * 31 + batch + dim;
  return mixerProblemOf(mixer, [batch, length, dim], seed, (u, name) => {
    const isStep = name.startsWith("dt_bias") || /dt_proj.*bias/.test(name);
    // Time steps of 0.01 to 0.7.
    return isStep ? 4 * u - 4 : 2 * u - 1;
  });
}

function tensorsOf(
  { mixer }: Subject,
  { batch, length, dim, inputs }: MixerProblem,
): tf.Tensor[] {
  const shape = [batch, length, dim];
  return [
    tf.tensor(inputs["x"]!, shape),
    ...mixer.parameters(shape).map(({ name, shape }) =>
      tf.tensor(inputs[name]!, [...shape])
    ),
  ];
}

/** What the mixer makes of tensors that {@linkcode tensorsOf} gives. */
function mixedBy(
  { mixer, causal = false }: Subject,
  more: Partial<MixerCall> = {},
): (...tensors: tf.Tensor[]) => tf.Tensor3D {
  return (x, ...parameters) => {
    const names = mixer.parameters(x!.shape).map(({ name }) => name);
    return tf.tidy(() =>
      mixer.apply(
        x as tf.Tensor3D,
        (name) => parameters[names.indexOf(name)]!,
        { ...CALL, causal, ...more },
      )
    );
  };
}

onEachBackend(
  "Hydra's and Vim's mixers equal their authors' definitions, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    const isEdge = ({ batch, length }: { batch: number; length: number }) =>
      batch === 2 && length < 70;
    for (const c of sample(backend, CASES, isEdge)) {
      const problem = problemOf(c, c.batch, c.length);
      const got = await run(c.mixer, problem, c.causal ?? false);
      failures.push(
        ...differences(problem, got, c.solve(problem), MOST)
          .map((line) => `${c.name} B=${c.batch} L=${c.length}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
  { sampled: true },
);

onEachBackend(
  "Hydra's and Vim's mixers ignore padding at an end, and read nothing across borders",
  async () => {
    for (const subject of SUBJECTS) {
      const problem = problemOf(subject, 1, 12);
      const [x, ...parameters] = tensorsOf(subject, problem);
      const part = (from: number, size: number) =>
        tf.slice(x as tf.Tensor3D, [0, from, 0], [1, size, subject.dim]);
      const parts = [part(0, 7), part(7, 5)];
      const alone = parts.map((x) => mixedBy(subject)(x, ...parameters));
      const mask = (tokens: number[]): tf.Tensor2D =>
        tf.tensor2d([
          Array.from({ length: 12 }, (_, i) => tokens.includes(i) ? 1 : 0),
        ]);
      const left = mask([0, 1, 2, 3, 4, 5, 6]);
      const right = mask([7, 8, 9, 10, 11]);
      const segments: tf.Tensor2D = tf.tensor2d(
        [[4, 4, 4, 4, 4, 4, 4, 9, 9, 9, 9, 9]],
        [1, 12],
        "int32",
      );
      const packed = mixedBy(subject, { segments })(x!, ...parameters);
      const padded = [left, right].map((mask) =>
        mixedBy(subject, { mask })(x!, ...parameters)
      );
      const [first, second] = await Promise.all(alone.map((y) => y.data()));
      const whole = [...first!, ...second!];
      const size = first!.length;
      assertNear(subject.name, await packed.data(), whole);
      assertNear(
        `${subject.name}, padding after`,
        (await padded[0]!.data()).slice(0, size),
        whole.slice(0, size),
      );
      assertNear(
        `${subject.name}, padding before`,
        (await padded[1]!.data()).slice(size),
        whole.slice(size),
      );
      tf.dispose([x!, ...parameters, ...parts, ...alone, left, right]);
      tf.dispose([segments, packed, ...padded]);
    }
  },
);

onEachBackend(
  "layers of Hydra and Vim take the weights of their authors' modules",
  async () => {
    for (const subject of SUBJECTS.filter(({ causal }) => !causal)) {
      const problem = problemOf(subject, 2, 6);
      const tensors = tensorsOf(subject, problem);
      const [x, ...values] = tensors;
      const layer = lionAttentionLayer({ mixer: subject.mixer, name: "mixer" });
      const input = tfl.input({ shape: [null, subject.dim] });
      const output = layer.apply(input) as tfl.SymbolicTensor;
      const model = tfl.model({ inputs: input, outputs: output });
      const theirs = layer.parameters.map(({ layout }, i) =>
        layout === "linear" ? tf.transpose(values[i]!) : values[i]!.clone()
      );
      await loadPyTorchWeights(
        model,
        new Map(
          theirs.map((tensor, i) => [
            `mixer.${layer.parameters[i]!.name}`,
            tensor,
          ]),
        ),
      );
      const loaded = model.predict(x!) as tf.Tensor;
      const direct = mixedBy(subject)(...tensors);
      assertNear(subject.name, await loaded.data(), [...await direct.data()]);
      model.dispose();
      tf.dispose([...tensors, ...theirs, loaded, direct]);
    }
  },
);

onEachBackend("Hydra's and Vim's first values are their authors'", async () => {
  const layers = [
    lionAttentionLayer({ mixer: hydraMixer({ headDim: 8 }), seed: 1 }),
    lionAttentionLayer({ mixer: vimMixer(), seed: 1 }),
  ];
  const parameter = (layer: typeof layers[0], name: string) =>
    layer.parameter(name).data();
  // tfjs disposes only of layers that were applied.
  layers.forEach((layer) =>
    tf.tidy(() => void layer.apply(tf.ones([1, 2, 16])))
  );
  const [hydra, vim] = layers as [typeof layers[0], typeof layers[0]];
  for (
    const [layer, name] of [[hydra, "dt_bias"], [vim, "dt_proj.bias"]] as const
  ) {
    for (const bias of await parameter(layer, name)) {
      const step = Math.log1p(Math.exp(bias));
      assert(step > 0.000999 && step < 0.1001, `a step of ${step}`);
    }
  }
  assertEquals([...await parameter(hydra, "A_log")], [0, 0, 0, 0]);
  const paces = await parameter(vim, "A_b_log");
  assertNear(
    "paces",
    paces.slice(0, 16),
    Array.from({ length: 16 }, (_, n) => Math.log(n + 1)),
  );
  for (const layer of layers) layer.dispose();
});

onEachBackend("Vim, causal, goes on where it has stopped", async () => {
  const subject = SUBJECTS.find(({ causal }) => causal)!;
  const problem = problemOf(subject, 2, 9);
  const tensors = tensorsOf(subject, problem);
  const [x, ...values] = tensors as [tf.Tensor3D, ...tf.Tensor[]];
  // The second text is shorter: its first two places are padding.
  const mask = tf.tensor2d([
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    0,
    0,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
  ], [2, 9]);
  const whole = mixedBy(subject, { mask })(...tensors);
  const names = subject.mixer.parameters(x.shape).map(({ name }) => name);
  const pieces = tf.tidy(() => {
    let state: MixerState | undefined;
    const outputs = [5, 1, 1, 2].map((size, i) => {
      const from = [0, 5, 6, 7][i]!;
      const step = subject.mixer.step!(
        tf.slice(x, [0, from, 0], [2, size, subject.dim]),
        (name) => values[names.indexOf(name)]!,
        state,
        { mask: tf.slice(mask, [0, from], [2, size]), epsilon: 1e-6 },
      );
      state = step.state;
      return step.y;
    });
    return tf.mul(tf.concat(outputs, 1), tf.expandDims(mask, 2));
  });
  const read = tf.tidy(() => tf.mul(whole, tf.expandDims(mask, 2)));
  assertNear("pieces", await pieces.data(), [...await read.data()]);
  tf.dispose([...tensors, mask, whole, pieces, read]);
});

onEachBackend("models of Hydra and Vim learn a batch by heart", async () => {
  const image = tf.randomUniform([4, 8, 8, 1], -1, 1, "float32", 3);
  const classes = tf.tensor2d([[1, 0], [0, 1], [1, 0], [0, 1]]);
  const sizes = { dim: 8, depth: 1, numHeads: 2, seed: 5 };
  const ofImages = { imageSize: 8, patchSize: 4, channels: 1, numClasses: 2 };
  const texts = tf.tensor2d([[1, 2, 3], [3, 1, 2]], [2, 3], "int32");
  const next = tf.oneHot(texts, 5);
  const problems = [
    [lionViT({ ...ofImages, ...sizes, variant: "hydra" }), image, classes],
    [lionViT({ ...ofImages, ...sizes, variant: "vim" }), image, classes],
    [lionGpt({ vocabularySize: 5, ...sizes, variant: "vim" }), texts, next],
  ] as const;
  for (const [model, x, y] of problems) {
    model.compile({ optimizer: tf.train.adam(0.02), loss: loss });
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) {
      losses.push(await model.trainOnBatch(x, y) as number);
    }
    assert(losses[5]! < 0.8 * losses[0]!, `losses of ${losses}`);
    model.optimizer.dispose();
    model.dispose();
  }
  tf.dispose([image, classes, texts, next]);
});

/** Cross-entropy of logits. */
function loss(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  return tf.losses.softmaxCrossEntropy(labels, logits);
}

Deno.test("Hydra and Vim say what is wrong with their options", () => {
  assertThrows(() => hydraMixer({ convSize: 4 }), RangeError, "odd, got 4");
  assertThrows(
    () => hydraMixer({ headDim: 7 }).parameters([1, 1, 8]),
    RangeError,
    "hydraMixer's headDim should divide its 16 channels, got 7",
  );
  assertThrows(
    () => hydraMixer({ headDim: 4, numHeads: 2 }),
    RangeError,
    "headDim or numHeads, got 4 and 2",
  );
  assertThrows(
    () => vimMixer({ stateDim: 0 }),
    RangeError,
    "vimMixer's stateDim should be a positive integer, got 0",
  );
  assertThrows(
    () => vimMixer({ state: 4 } as never),
    TypeError,
    'vimMixer has no option "state"',
  );
  const vim = lionAttentionLayer({ mixer: vimMixer(), direction: "forward" });
  assertThrows(
    () => tf.tidy(() => void vim.apply(tf.ones([1, 3, 8]))),
    RangeError,
    "vimMixer should be causal",
  );
  const layer = lionAttentionLayer({
    mixer: hydraMixer({ headDim: 4 }),
    direction: "forward",
  });
  assertThrows(
    () => tf.tidy(() => void layer.apply(tf.ones([1, 3, 8]))),
    RangeError,
    "hydra should attend to both sides",
  );
});

function assertNear(
  name: string,
  got: ArrayLike<number>,
  wanted: readonly number[],
): void {
  assertEquals(got.length, wanted.length, name);
  const size = Math.max(...wanted.map(Math.abs));
  wanted.forEach((x, i) => {
    assert(
      Math.abs(x - got[i]!) <= 1e-5 * size,
      `${name}: ${got[i]} at ${i}, not ${x}`,
    );
  });
}
