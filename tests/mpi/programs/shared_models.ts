/**
 * Models whose tokens ranks share: outputs and gradients are those of one process,
 * and so is what they learn; models that need all tokens say so on every rank.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  contextParallel,
  fixedDecay,
  lionBert,
  lionEncoder,
  type LionEncoderOptions,
  lionGpt,
  lionViT,
  logSigmoid,
  type Mixer,
  useBackend,
} from "../../../mod.ts";
import type { Batch } from "../../../lib/data/batches/stream.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import {
  crossEntropy,
  type SharedBy,
  train,
} from "../../../lib/training/mod.ts";
import { array, uniform } from "../../random.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  weightsOf,
} from "../../training/tiny.ts";
import { tokensOf } from "../across.ts";
import { assertRounded, type Expected, moveWeights } from "../rounding.ts";

const mpi = openMpi();
await useBackend({ prefer: ["wasm"], threads: 1 });

/** How often each computation is repeated with weights that have moved by a rounding. */
const DRAWS = 2;

const BATCH = 2, LENGTH = 4 * mpi.size + 3, VOCABULARY = 11;
const { start, count } = tokensOf(mpi, LENGTH);
const random = uniform(7);

const ids = [
  ...array(BATCH * LENGTH, random, (u) => Math.floor(VOCABULARY * u)),
];
const values = array(BATCH * LENGTH * 2, random);
const ofToken = (value: (row: number, token: number) => number) =>
  Array.from(
    { length: BATCH * LENGTH },
    (_, i) => value(Math.floor(i / LENGTH), i % LENGTH),
  );
const mask = ofToken((row, token) =>
  Number((token + row) % 4 !== 1 && token < LENGTH - 1)
);
/** Some go on over several ranks, and some end where a rank does. */
const borders = [[1, count + start, LENGTH - 2], [LENGTH - 1]];
const [ends] = await mpi.allreduce(Int32Array.of(mpi.rank ? 0 : count), "max");
borders[0]![1] = ends!;
const segments = ofToken((row, token) =>
  borders[row]!.filter((at) => token >= at).length
);

/** All of these are of whole sequences. */
const INPUTS = {
  ids: () => tf.tensor2d(ids, [BATCH, LENGTH], "int32"),
  values: () => tf.tensor3d(values, [BATCH, LENGTH, 2]),
  mask: () => tf.tensor2d(mask, [BATCH, LENGTH]),
  segments: () => tf.tensor2d(segments, [BATCH, LENGTH], "int32"),
};

const SIZES = {
  ...{ dim: 8, depth: 2, numHeads: 2, mlpRatio: 1, seed: 3 },
  // Without it the normalisation of a head's output, which is next to nothing at
  // first, makes as large errors of rounding in one process, form against form.
  epsilon: 1e-3,
} as const;
const ENCODER = { ...SIZES, inputDim: 2, numClasses: 3 } as const;
const TOKENS = { output: "tokens", maxLength: 40 } as const;

const encoder = (options: Partial<LionEncoderOptions>) => () =>
  lionEncoder({ ...ENCODER, ...options });

/** A moving average of each channel, at a pace that it learns. */
const average: Mixer = {
  sharesTokens: true,
  parameters: (shape) => [
    { name: "pace", shape: [shape.at(-1)!], initial: "zeros" },
  ],
  apply(x, parameters, { causal, mask, segments, sequence }) {
    const v = tf.expandDims(tf.transpose(x, [0, 2, 1]), 3),
      one = tf.onesLike(v);
    const decay = fixedDecay(logSigmoid(parameters("pace") as tf.Tensor1D));
    const options = { decay, causal, mask, segments };
    const y = sequence.lionAttention(one, one, v, options);
    return tf.transpose(tf.squeeze(y, [3]), [0, 2, 1]);
  },
  operations: (shape) => 10 * tf.util.sizeFromShape(shape as number[]),
};

/** Models, and the names of their inputs. */
const MODELS: Readonly<
  Record<string, readonly [() => LayersModel, ...(keyof typeof INPUTS)[]]>
> = {
  ...Object.fromEntries(
    ([
      "lit",
      "d",
      "s",
      "gla",
      "hgrn2",
      "mamba2",
      "delta",
      "gated-delta",
      "kda",
    ] as const)
      .map((variant) => [
        `tokens of ${variant}`,
        [encoder({ variant, ...TOKENS }), "values", "mask"] as const,
      ]),
  ),
  "mean of tokens": [encoder({ variant: "s" }), "values", "mask"],
  "decays of channels": [
    encoder({ variant: "s", diagonalDecay: "hippo", ...TOKENS }),
    "values",
    "mask",
  ],
  "alternating directions": [
    encoder({ variant: "s", direction: "alternate" }),
    "values",
    "mask",
  ],
  "a mixer of one's own": [
    encoder({ mixer: average, direction: "alternate", ...TOKENS }),
    "values",
    "mask",
  ],
  "computed again for gradients": [
    encoder({ variant: "s", gradientCheckpointing: true, ...TOKENS }),
    "values",
    "mask",
  ],
  "blocks that repeat": [
    encoder({ variant: "s", repeats: 2, ...TOKENS }),
    "values",
    "mask",
  ],
  "each token twice": [
    encoder({ variant: "d", countSelf: "twice" }),
    "values",
    "mask",
  ],
  "packed, with positions": [
    encoder({ variant: "s", segments: true, maxSegments: 4, maxLength: 40 }),
    "values",
    "mask",
    "segments",
  ],
  "packed tokens": [
    () =>
      lionEncoder({
        ...SIZES,
        vocabularySize: VOCABULARY,
        numClasses: 3,
        variant: "d",
        segments: true,
        ...TOKENS,
      }),
    "ids",
    "mask",
    "segments",
  ],
  "masked language model": [
    () =>
      lionBert({
        ...SIZES,
        vocabularySize: VOCABULARY,
        maxLength: 40,
        tokenTypes: 0,
        variant: "s",
      }),
    "ids",
    "mask",
  ],
  "causal language model": [
    () =>
      lionGpt({
        ...SIZES,
        vocabularySize: VOCABULARY,
        maxLength: 40,
        variant: "s",
      }),
    "ids",
  ],
  "first token": [
    () =>
      lionBert({
        ...SIZES,
        vocabularySize: VOCABULARY,
        maxLength: 40,
        tokenTypes: 0,
        variant: "lit",
        head: "classification",
      }),
    "ids",
    "mask",
  ],
  "packed, first tokens": [
    () =>
      lionBert({
        ...SIZES,
        vocabularySize: VOCABULARY,
        maxLength: 40,
        tokenTypes: 0,
        variant: "s",
        head: "classification",
        segments: true,
        maxSegments: 4,
      }),
    "ids",
    "mask",
    "segments",
  ],
};

/** Whether what differs is rounding. */
function isRounded(actual: Float32Array, expected: Expected): boolean {
  try {
    assertRounded(actual, expected, "");
    return true;
  } catch {
    return false;
  }
}

const own = (x: tf.Tensor) =>
  tf.slice(
    x,
    x.shape.map((_, axis) => axis === 1 ? start : 0),
    x.shape.map((_, axis) => axis === 1 ? count : -1),
  );

let compared = 0;
for (const [name, [make, ...inputs]] of Object.entries(MODELS)) {
  const model = make();
  const tensors = tf.memory().numTensors;
  const isOfTokens = model.outputs[0]!.shape[1] === null;
  const weights = model.trainableWeights.map((weight) =>
    weight.read() as tf.Variable
  );
  const kept: tf.Tensor[] = [];
  /** The output, and the gradients of a loss in which each has another weight. */
  const run = (isShared: boolean) =>
    tf.tidy(() => {
      const whole = inputs.map((input) => INPUTS[input]());
      const given = isShared ? whole.map(own) : whole;
      let output: tf.Tensor;
      const { grads } = tf.variableGrads(() => {
        const apply = () => model.apply(given) as tf.Tensor;
        output = tf.keep(isShared ? contextParallel(mpi, apply) : apply());
        const shape = output.shape.map((size, axis) =>
          axis === 1 && isOfTokens ? LENGTH : size
        );
        const size = tf.util.sizeFromShape(shape);
        const places = tf.reshape(tf.cos(tf.range(0, size)), shape);
        const weights = isShared && isOfTokens ? own(places) : places;
        const loss = tf.sum(tf.mul(output, weights));
        // All ranks have the same output, and the same loss.
        const times = isShared && !isOfTokens ? mpi.size : 1;
        return tf.div(loss, times) as tf.Scalar;
      }, weights);
      kept.push(output!);
      return [
        tf.keep(isShared || !isOfTokens ? tf.clone(output!) : own(output!)),
        ...weights.map(({ name }) => tf.keep(grads[name]!.clone())),
      ];
    });
  const read = async (arrays: tf.Tensor[]) => {
    tf.dispose(kept.splice(0));
    const values = await Promise.all(arrays.map((x) => x.data<"float32">()));
    tf.dispose(arrays);
    return values;
  };
  const expected = await read(run(false)), actual = await read(run(true));
  const moved: Float32Array[][] = [];
  while (moved.length < DRAWS) {
    await moveWeights(model, random);
    moved.push(await read(run(false)));
  }
  let incomplete = 0;
  for (const [i, values] of expected.entries()) {
    const theirs = actual[i]!;
    const alone = theirs.slice();
    if (i > 0) await mpi.allreduce(theirs);
    const what = i === 0 ? "output" : weights[i - 1]!.name;
    // The gradient of a weight is a sum over all tokens.
    const terms = BATCH * LENGTH;
    const truth = { values, moved: moved.map((arrays) => arrays[i]!), terms };
    assertRounded(theirs, truth, `${name}: ${what}`);
    if (i > 0 && !isRounded(alone, truth)) incomplete++;
    compared++;
  }
  // What the others add is more than rounding, but where this rank has all that counts.
  assert(mpi.size === 1 || 2 * incomplete > weights.length, name);
  assertEquals(tf.memory().numTensors, tensors, name);
  model.dispose();
}

// What needs all tokens says so, on every rank.
const text = { ...SIZES, vocabularySize: VOCABULARY, maxLength: 40 };
const image = { ...SIZES, imageSize: 4, patchSize: 2, channels: 1 };
for (
  const model of [
    ...(["softmax", "hydra", "vim", "rwkv6", "mlstm"] as const).map((variant) =>
      lionEncoder({ ...ENCODER, variant })
    ),
    lionEncoder({ ...ENCODER, decay: (x) => ({ kind: "none", x }) as never }),
    lionGpt({ ...text, variant: "softmax" }),
    lionViT({ ...image, numClasses: 2, variant: "s" }),
  ]
) {
  const inputs = model.inputs.map(({ shape }) =>
    tf.ones(shape.map((size) => size ?? 3))
  );
  assertThrows(
    () => contextParallel(mpi, () => model.predict(inputs)),
    RangeError,
    `should have all tokens of a sequence, got a part, as one of ${mpi.size} ranks`,
  );
  tf.dispose(inputs);
  model.dispose();
}
{
  const model = lionEncoder({
    ...ENCODER,
    variant: "s",
    maxLength: 2 * mpi.size - 1,
  });
  assertThrows(
    () =>
      contextParallel(
        mpi,
        () => model.predict([tf.ones([1, 2, 2]), tf.ones([1, 2])]),
      ),
    RangeError,
    `at most maxLength = ${2 * mpi.size - 1} tokens, got ${2 * mpi.size}`,
  );
}

/** A batch with labels of sequences, or of tokens some of which do not count. */
function batchOf(position: number, isOfTokens: boolean): Batch {
  const { labels, ...batch } = tinyBatch(position);
  if (!isOfTokens) return { labels, ...batch };
  labels.dispose();
  const random = uniform(position + 100);
  const classes = array(
    4 * 5,
    random,
    (u) => random() < 0.3 ? -100 : Math.floor(3 * u),
  );
  return { ...batch, labels: tf.tensor2d([...classes], [4, 5], "int32") };
}

async function* passOver(isOfTokens: boolean) {
  yield await Promise.resolve(batchOf(-1, isOfTokens));
  yield batchOf(-2, isOfTokens);
}

/** Each of them adds to a weight once. */
const STEPS = 10;

const LABELS = { sequences: {}, tokens: { output: "tokens" } } as const;
for (const [name, options] of Object.entries(LABELS)) {
  const isOfTokens = name === "tokens";
  const trained = async (ranks?: SharedBy, isMoved = false) => {
    const model = tinyModel({ dim: 8, dropout: 0, ...options });
    if (isMoved) await moveWeights(model, random);
    const { losses, evaluation } = await train(
      model,
      tinyData((position) => batchOf(position, isOfTokens)),
      tinyOptions({
        steps: STEPS,
        loss: crossEntropy(),
        evaluate: { data: () => passOver(isOfTokens) },
        ...(ranks ? { communicator: mpi, ranks } : {}),
      }),
    );
    const weights = (await weightsOf(model)).flat();
    model.dispose();
    return { losses, weights, evaluation: Object.values(evaluation) };
  };
  const expected = await trained();
  assertEquals(expected.losses.length, STEPS);
  const moved = [
    await trained(undefined, true),
    await trained(undefined, true),
  ];
  // All ranks share sequences, or two do, and two others the other examples.
  const grid = mpi.size === 4 ? [{ sequence: 2 }] : [];
  for (const ranks of ["sequence", ...grid] as const) {
    const actual = await trained(ranks);
    const what = `${name}, ${JSON.stringify(ranks)}`;
    for (const part of ["losses", "weights", "evaluation"] as const) {
      assertRounded(actual[part], {
        values: expected[part],
        moved: moved.map((result) => result[part]),
        terms: STEPS,
      }, `${what}: ${part}`);
    }
  }
}
if (mpi.size > 3) {
  const model = tinyModel();
  const communicator = mpi;
  await assertRejects(
    () =>
      train(
        model,
        tinyData(),
        tinyOptions({ communicator, ranks: { sequence: 3 } }),
      ),
    RangeError,
    '{ sequence: a divisor of 4 }, got {"sequence":3}',
  );
  const short = tinyData((position) => {
    const { inputs, ...batch } = tinyBatch(position);
    const first = inputs.map((x) => {
      const shape = x.shape.map((size, axis) => axis === 1 ? 3 : size);
      return tf.slice(x, x.shape.map(() => 0), shape);
    });
    tf.dispose([...inputs]);
    return { ...batch, inputs: first };
  });
  await assertRejects(
    () =>
      train(
        model,
        short,
        tinyOptions({ communicator, ranks: "sequence" }),
      ),
    RangeError,
    "a token for each rank, got inputs",
  );
}
await mpi.close();
if (mpi.rank === 0) console.log(`${compared} arrays are the same`);
