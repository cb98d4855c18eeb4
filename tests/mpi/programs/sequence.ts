/**
 * Attention of ranks that share the tokens equals that of one process, outputs
 * and all gradients; each rank fails with the first case that does not. The first
 * argument is the backend.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  acrossRanks,
  attentionAcrossRanks,
  bidirectionalDecay,
  type ContextGroup,
  type Decay,
  deltaAcrossRanks,
  deltaAttention,
  diagonalDecay,
  fixedDecay,
  lionAttention,
  type LionAttentionOptions,
  selectiveDecay,
  transitionAttention,
  useBackend,
} from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { array, uniform } from "../../random.ts";
import { assertSameAcross, type Problem } from "../across.ts";

const mpi = openMpi();
const [backend = "wasm"] = Deno.args;
await useBackend({ prefer: [backend as "wasm" | "cpu"], threads: 1 });

const BATCH = 2, HEADS = 2, HEAD_DIM = 4, VALUE_DIM = 3;

/** Log decays, some of which forget everything and some nothing. */
const logDecay = (u: number) =>
  u < 0.05 ? -Infinity : u < 0.1 ? 0 : u < 0.15 ? -60 : -u;

/** The shapes of the decays' tensors, and what is made of them. */
const DECAYS: Readonly<
  Record<string, {
    readonly shapes: (length: number) => Readonly<Record<string, number[]>>;
    readonly of: (x: Readonly<Record<string, tf.Tensor>>) => { decay?: Decay };
  }>
> = {
  none: { shapes: () => ({}), of: () => ({}) },
  fixed: {
    shapes: () => ({ "rate of heads": [HEADS] }),
    of: (x) => ({ decay: fixedDecay(x["rate of heads"] as tf.Tensor1D) }),
  },
  source: {
    shapes: (length) => ({ a: [BATCH, HEADS, length] }),
    of: ({ a }) => ({ decay: selectiveDecay(a as tf.Tensor3D) }),
  },
  "source, for all sequences": {
    shapes: (length) => ({ a: [1, HEADS, length] }),
    of: ({ a }) => ({ decay: selectiveDecay(a as tf.Tensor3D) }),
  },
  arrival: {
    shapes: (length) => ({ a: [BATCH, HEADS, length] }),
    of: ({ a }) => ({
      decay: selectiveDecay(a as tf.Tensor3D, { convention: "arrival" }),
    }),
  },
  "two-sided": {
    shapes: (length) => ({
      a: [BATCH, HEADS, length],
      b: [BATCH, HEADS, length],
    }),
    of: ({ a, b }) => ({
      decay: bidirectionalDecay(a as tf.Tensor3D, b as tf.Tensor3D),
    }),
  },
  "channels, source": {
    shapes: (length) => ({ a: [BATCH, HEADS, length, HEAD_DIM] }),
    of: ({ a }) => ({ decay: diagonalDecay(a as tf.Tensor4D) }),
  },
  "channels, arrival": {
    shapes: (length) => ({ a: [1, HEADS, length, HEAD_DIM] }),
    of: ({ a }) => ({
      decay: diagonalDecay(a as tf.Tensor4D, { convention: "arrival" }),
    }),
  },
  "channels, two-sided": {
    shapes: (length) => ({
      a: [BATCH, HEADS, length, HEAD_DIM],
      b: [BATCH, HEADS, length, HEAD_DIM],
    }),
    of: ({ a, b }) => ({
      decay: bidirectionalDecay(a as tf.Tensor4D, b as tf.Tensor4D),
    }),
  },
};

type Way = Readonly<
  Pick<
    LionAttentionOptions,
    "normalize" | "scale" | "causal" | "kernel" | "chunkSize"
  >
>;

/** What is asked for besides the decay. */
const WAYS: Readonly<
  Record<string, Way & { isPadded?: true; isPacked?: true }>
> = {
  normalised: {},
  "sums, several chunks": { normalize: false, scale: 0.7, chunkSize: 8 },
  causal: { causal: true },
  padded: { isPadded: true },
  "packed and padded": { isPadded: true, isPacked: true },
  "packed, causal, sums": { isPacked: true, causal: true, normalize: false },
  "TensorFlow.js's operations": { kernel: false, chunkSize: 3, isPacked: true },
};

/** The same for the delta rule, which has no normaliser. */
const DELTA_WAYS: Readonly<
  Record<
    string,
    & Omit<Way, "normalize">
    & { isPadded?: true; isPacked?: true; form?: "recurrent" }
  >
> = {
  "both ends": {},
  "causal, several chunks": { causal: true, scale: 0.7, chunkSize: 8 },
  "packed and padded": { isPadded: true, isPacked: true },
  "TensorFlow.js's operations": { kernel: false, chunkSize: 3, isPacked: true },
  "token by token": { form: "recurrent", isPadded: true },
};

/** The same for other transitions of rank one. */
const TRANSITION_WAYS: Readonly<
  Record<
    string,
    & typeof DELTA_WAYS[string]
    & { steps?: number; isUntied?: true; hasState?: true }
  >
> = {
  "both ends": {},
  "untied, causal, after others": {
    ...{ isUntied: true, causal: true, hasState: true, chunkSize: 8 },
  },
  "two steps, packed and padded": { steps: 2, isPadded: true, isPacked: true },
  "untied, packed, causal, after others": {
    ...{ isUntied: true, isPacked: true, causal: true, hasState: true },
  },
};

/** Paid on arrival, as the delta rule wants it. */
const DELTA_DECAYS = [
  "none",
  "fixed",
  "arrival",
  "two-sided",
  "channels, arrival",
  "channels, two-sided",
];

/** Segments end at these tokens of a hundred, in each row. */
const BORDERS = [[30, 47, 51], [50]];

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** What all problems have: which tokens there are, and whose. */
interface Common extends Pick<LionAttentionOptions, "mask" | "segments"> {
  /** None where one process computes all. */
  readonly communicator?: ContextGroup;
}

function problemOf(
  shapes: Readonly<Record<string, number[]>>,
  { isPadded, isPacked }: { isPadded?: true; isPacked?: true },
  length: number,
  run: (x: Tensors, common: Common) => tf.Tensor,
  canBeSpoilt: boolean,
): Problem {
  const random = uniform(length);
  const numbers = (
    shapes: Readonly<Record<string, number[]>>,
    make: (u: number) => number,
  ) =>
    Object.entries(shapes).map(([name, shape]) => {
      const values = array(tf.util.sizeFromShape(shape), random, make);
      return [name, { values, shape }] as const;
    });
  const perToken = (value: (row: number, token: number) => number) => ({
    shape: [BATCH, length],
    values: Float32Array.from(
      { length: BATCH * length },
      (_, i) => value(Math.floor(i / length), i % length),
    ),
  });
  /** Padding is not read, whatever it holds. */
  const spoilt = (
    { values, shape }: { values: Float32Array; shape: number[] },
  ) => {
    const columns = shape[3]!;
    return {
      shape,
      values: values.map((value, i) => {
        const token = Math.floor(i / columns) % length;
        const row = Math.floor(i / (columns * length * HEADS));
        return isToken(row, token) ? value : NaN;
      }),
    };
  };
  const isToken = (row: number, token: number) =>
    Number(token % 5 !== row && token < length - 2);
  const segment = (row: number, token: number) =>
    BORDERS[row]!.filter((at) => token >= at * length / 100).length;
  return {
    length,
    inputs: Object.fromEntries([
      // Positive scores, so that no sum cancels.
      ...numbers({
        q: [BATCH, HEADS, length, HEAD_DIM],
        k: [BATCH, HEADS, length, HEAD_DIM],
        v: [BATCH, HEADS, length, VALUE_DIM],
      }, (u) => u + 0.1).map(([name, x]) =>
        [name, isPadded && canBeSpoilt ? spoilt(x) : x] as const
      ),
      ...numbers(shapes, logDecay),
    ]),
    constants: {
      ...(isPadded ? { mask: perToken(isToken) } : {}),
      ...(isPacked ? { segments: perToken(segment) } : {}),
    },
    run: (inputs, { mask, segments }, communicator) =>
      run(inputs, {
        ...(mask ? { mask: mask as tf.Tensor2D } : {}),
        ...(segments
          ? { segments: tf.cast(segments as tf.Tensor2D, "int32") }
          : {}),
        ...(communicator ? { communicator } : {}),
      }),
  };
}

/** One token a rank, and a length that ranks do not divide. */
const LENGTHS = [mpi.size, 4 * mpi.size + 1];

/** One more, for some cases. */
const LONG = 20 * mpi.size - 1;

let cases = 0;
/** Traffic by case and length. */
const bytes = new Map<string, number>();

async function compare(
  name: string,
  of: (length: number) => Problem,
  isLong: boolean,
) {
  // Plain JavaScript takes its time for it.
  const also = isLong && backend !== "cpu" ? [LONG] : [];
  for (const length of [...LENGTHS, ...also]) {
    const sent = await assertSameAcross(mpi, of(length), `${name}; ${length}`);
    assertEquals(sent, bytes.get(name) ?? sent, `${name}: traffic`);
    bytes.set(name, sent);
    cases++;
  }
}

for (const [kind, decay] of Object.entries(DECAYS)) {
  for (const [how, way] of Object.entries(WAYS)) {
    const { isPadded: _padded, isPacked: _packed, ...options } = way;
    await compare(`${kind}; ${how}`, (length) =>
      problemOf(
        decay.shapes(length),
        way,
        length,
        ({ q, k, v, ...others }, { communicator, ...common }) => {
          const given = { ...options, ...decay.of(others), ...common };
          return communicator
            ? attentionAcrossRanks(q!, k!, v!, { ...given, communicator })
            : lionAttention(q!, k!, v!, given);
        },
        true,
      ), "chunkSize" in way);
  }
}
for (const kind of DELTA_DECAYS) {
  const decay = DECAYS[kind]!;
  for (const [how, way] of Object.entries(DELTA_WAYS)) {
    const { isPadded: _padded, isPacked: _packed, ...options } = way;
    await compare(`delta rule, ${kind}; ${how}`, (length) =>
      problemOf(
        { ...decay.shapes(length), beta: [BATCH, HEADS, length] },
        way,
        length,
        ({ q, k, v, beta, ...others }, { communicator, ...common }) => {
          const unit = tf.div(k!, tf.norm(k!, 2, 3, true)), b = tf.exp(beta!);
          const given = { ...options, ...decay.of(others), ...common };
          return communicator
            ? deltaAcrossRanks(q!, unit, v!, b, { ...given, communicator })
            : deltaAttention(q!, unit, v!, b, given);
        },
        // The lengths of keys have no gradient where they are not numbers.
        false,
      ), way.chunkSize !== undefined);
  }
}
for (const kind of ["none", "arrival", "channels, arrival"]) {
  const decay = DECAYS[kind]!;
  for (const [how, way] of Object.entries(TRANSITION_WAYS)) {
    const { isPadded: _padded, isPacked: _packed, ...given } = way;
    const { hasState, steps = 1, isUntied, ...options } = given;
    await compare(`transitions, ${kind}; ${how}`, (length) =>
      problemOf(
        {
          ...decay.shapes(length),
          reads: [BATCH, HEADS, length, HEAD_DIM],
          ...hasState ? { "rate of heads": [HEADS] } : {},
        },
        way,
        length,
        ({ q, k, v, reads, ...others }, { communicator, ...common }) => {
          const unit = tf.div(k!, tf.norm(k!, 2, 3, true));
          const a = tf.neg(tf.mul(tf.exp(reads!), unit));
          // A row of each step, of which the second is half of the first.
          const inSteps = (x: tf.Tensor) =>
            steps === 1 ? x : tf.reshape(tf.stack([x, tf.mul(x, 0.5)], 3), [
              ...[BATCH, HEADS, -1, x.shape[3]!],
            ]);
          const rate = others["rate of heads"];
          const initialState = rate && tf.mul(
            tf.reshape(tf.exp(rate), [1, HEADS, 1, 1]),
            tf.ones([BATCH, HEADS, HEAD_DIM, VALUE_DIM]),
          );
          const { transitionAttention: run } = communicator
            ? acrossRanks(communicator)
            : { transitionAttention };
          return run(
            ...[q!, inSteps(unit), inSteps(v!), inSteps(a)] as const,
            isUntied ? inSteps(tf.mul(unit, 0.5)) : null,
            { ...options, steps, initialState, ...decay.of(others), ...common },
          );
        },
        false,
      ), way.chunkSize !== undefined);
  }
}
await mpi.close();
if (mpi.rank === 0) {
  console.log(`${cases} cases are the same`);
}
