/** Every operation that reads tokens, as a function of named inputs. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  alibiSlopes,
  type BackendName,
  type Decay,
  deltaAttention,
  deltaStep,
  diagonalDecay,
  fixedDecay,
  lionAttention,
  multiScanAttention,
  noDecay,
  recurrentState,
  recurrentStep,
  selectiveDecay,
  softmaxAttention,
} from "../../mod.ts";
import { selectiveScan, shortConvolution } from "../../lib/operations/mod.ts";
import {
  type SoftmaxState,
  softmaxStep,
} from "../../lib/attention/streaming/softmax_step.ts";
import { MODELS } from "../family/models.ts";
import { array, uniform } from "../random.ts";

/** The sizes of all axes but that of batches; chunks of 4 do not divide the length. */
export const SIZES = {
  heads: 2,
  length: 13,
  headDim: 4,
  valueDim: 3,
  channels: 5,
  stateDim: 3,
  taps: 3,
} as const;

const CHUNK = 4;

/** The axes of an input. */
export type Axes = readonly ("batch" | keyof typeof SIZES)[];

/** What a call is told. */
export interface Reading {
  readonly causal: boolean;
  readonly segments?: tf.Tensor2D;
  readonly mask?: tf.Tensor2D;
}

/** An operation. */
export interface Reader {
  readonly name: string;
  /** The axes of its inputs; those that tokens have begin with the batch. */
  readonly inputs: Readonly<Record<string, Axes>>;
  /** The values of `causal` that it has. */
  readonly directions: readonly boolean[];
  /** Whether it takes segments. */
  readonly packs: boolean;
  /** Whether its kernels are left out, which not all backends have. */
  readonly isPlain: boolean;
  // deno-lint-ignore no-explicit-any -- each has inputs of its own
  readonly run: (inputs: any, reading: Reading) => tf.Tensor;
}

const KEYS: Axes = ["batch", "heads", "length", "headDim"];
const VALUES: Axes = ["batch", "heads", "length", "valueDim"];
const PER_TOKEN: Axes = ["batch", "heads", "length"];
const HEADS: Axes = ["heads"];
const ROWS: Axes = ["batch", "length", "channels"];
const BOTH = [false, true];

/** The decays, with the axes of their numbers. */
const DECAYS: readonly {
  readonly kind: string;
  readonly axes?: Axes;
  // deno-lint-ignore no-explicit-any -- each has a shape of its own
  readonly of: (logDecay: any) => Decay;
}[] = [
  { kind: "no decay", of: () => noDecay() },
  { kind: "decays of heads", axes: HEADS, of: fixedDecay },
  {
    kind: "decays of tokens",
    axes: PER_TOKEN,
    of: (x) => selectiveDecay(x, { convention: "arrival" }),
  },
  { kind: "decays of sources", axes: PER_TOKEN, of: (x) => selectiveDecay(x) },
  {
    kind: "decays of channels",
    axes: KEYS,
    of: (x) => diagonalDecay(x, { convention: "arrival" }),
  },
];

/** Those that plain forms compute in ways of their own. */
const PLAIN_DECAYS = DECAYS.filter(({ axes }) => axes !== HEADS)
  .filter(({ kind }) => kind !== "decays of sources");

function* lionReaders(): Generator<Reader> {
  for (const isPlain of BOTH) {
    for (
      const form of ["full", "recurrent", "blockwise", "chunkwise"] as const
    ) {
      for (const { kind, axes, of } of isPlain ? PLAIN_DECAYS : DECAYS) {
        const isChunked = form === "blockwise" || form === "chunkwise";
        yield {
          name: `lionAttention, ${form}, ${kind}`,
          inputs: { q: KEYS, k: KEYS, v: VALUES, ...(axes && { decay: axes }) },
          directions: BOTH,
          packs: true,
          isPlain,
          run: ({ q, k, v, decay }, reading) =>
            lionAttention(q, k, v, {
              ...reading,
              form,
              kernel: !isPlain,
              decay: of(decay),
              ...(isChunked ? { chunkSize: CHUNK } : {}),
            }),
        };
      }
    }
    yield {
      name: "multiScanAttention",
      inputs: { q: KEYS, k: KEYS, v: VALUES, decay: PER_TOKEN },
      // An order from the end has no earlier tokens of the other's.
      directions: [false],
      packs: true,
      isPlain,
      run: ({ q, k, v, decay }, reading) => {
        const order = Array.from({ length: SIZES.length }, (_, i) => i);
        const ways = [order, order.toReversed()].map((order) => (
          { order, decay: selectiveDecay(decay) }
        ));
        return multiScanAttention(q, k, v, ways, {
          ...reading,
          kernel: !isPlain,
        });
      },
    };
  }
}

function* deltaReaders(): Generator<Reader> {
  for (const { kind, axes, of } of PLAIN_DECAYS) {
    for (const form of ["recurrent", "chunkwise"] as const) {
      for (const isPlain of form === "recurrent" ? [true] : BOTH) {
        yield {
          name: `deltaAttention, ${form}, ${kind}`,
          inputs: {
            ...{ q: KEYS, k: KEYS, v: VALUES, beta: PER_TOKEN },
            ...(axes && { decay: axes }),
          },
          directions: BOTH,
          packs: true,
          isPlain,
          run: ({ q, k, v, beta, decay }, reading) =>
            deltaAttention(q, k, v, beta, {
              ...reading,
              form,
              kernel: !isPlain,
              decay: of(decay),
              ...(form === "chunkwise" ? { chunkSize: CHUNK } : {}),
            }),
        };
      }
    }
  }
}

function* softmaxReaders(): Generator<Reader> {
  for (const isPlain of BOTH) {
    for (const sloped of BOTH) {
      yield {
        name: `softmaxAttention${sloped ? " with slopes" : ""}`,
        inputs: { q: KEYS, k: KEYS, v: VALUES },
        directions: BOTH,
        packs: true,
        isPlain,
        run: ({ q, k, v }, reading) =>
          softmaxAttention(q, k, v, {
            ...reading,
            kernel: !isPlain,
            ...(sloped ? { slopes: alibiSlopes(SIZES.heads) } : {}),
          }),
      };
    }
  }
}

function* operationReaders(): Generator<Reader> {
  for (const isPlain of BOTH) {
    yield {
      name: "selectiveScan",
      inputs: {
        ...{ x: ROWS, dt: ROWS, a: ["channels", "stateDim"] },
        b: ["batch", "length", "stateDim"],
        c: ["batch", "length", "stateDim"],
        ...{ d: ["channels"], z: ROWS },
      },
      directions: BOTH,
      packs: true,
      isPlain,
      // Not causal, it has a scan from either end.
      run: (inputs, { causal, ...reading }) => {
        const scan = (reverse: boolean) =>
          selectiveScan(inputs, { ...reading, reverse, kernel: !isPlain });
        return causal ? scan(false) : tf.add(scan(false), scan(true));
      },
    };
    yield {
      name: "shortConvolution",
      inputs: { x: ROWS, weight: ["channels", "taps"] },
      directions: BOTH,
      packs: true,
      isPlain,
      run: ({ x, weight }, { causal, ...reading }) =>
        shortConvolution(x, weight, undefined, {
          ...reading,
          place: causal ? "causal" : "centred",
          activation: "silu",
          kernel: !isPlain,
        }),
    };
  }
}

/** Operations on a sequence in pieces, two of them. */
function* stepReaders(): Generator<Reader> {
  const pieces = [[0, 5], [5, SIZES.length - 5]] as const;
  /** A piece of each tensor that is there. */
  const cut = (
    tensors: Record<string, tf.Tensor | undefined>,
    [start, length]: readonly [number, number],
    // deno-lint-ignore no-explicit-any -- each has a shape of its own
  ): any =>
    Object.fromEntries(
      Object.entries(tensors).filter(([, x]) => x).map(([name, x]) => {
        const axis = name === "mask" ? 1 : 2;
        const from = x!.shape.map((_, i) => i === axis ? start : 0);
        return [name, tf.slice(x!, from, x!.shape.with(axis, length))];
      }),
    );
  for (const isPlain of BOTH) {
    yield {
      name: "recurrentStep",
      inputs: { q: KEYS, k: KEYS, v: VALUES, logDecay: PER_TOKEN },
      directions: [true],
      packs: false,
      isPlain,
      run: (inputs, { mask }) => {
        const { heads, headDim, valueDim } = SIZES;
        const batch = inputs.q.shape[0];
        let state = recurrentState({ batch, heads, headDim, valueDim });
        const answers = pieces.map((piece) => {
          const step = recurrentStep(state, cut({ ...inputs, mask }, piece), {
            kernel: !isPlain,
          });
          state = step.state;
          return step.y;
        });
        return tf.concat(answers, 2);
      },
    };
    yield {
      name: "deltaStep",
      inputs: {
        ...{ q: KEYS, k: KEYS, v: VALUES },
        ...{ beta: PER_TOKEN, logDecay: PER_TOKEN },
      },
      directions: [true],
      packs: false,
      isPlain,
      run: (inputs, { mask }) => {
        let state: tf.Tensor4D | null = null;
        const answers = pieces.map((piece) => {
          const step = deltaStep(state, cut({ ...inputs, mask }, piece), {
            kernel: !isPlain,
          });
          state = step.state;
          return step.y;
        });
        return tf.concat(answers, 2);
      },
    };
  }
  yield {
    name: "softmaxStep",
    inputs: { q: KEYS, k: KEYS, v: VALUES },
    directions: [true],
    packs: false,
    isPlain: true,
    run: (inputs, { mask }) => {
      let state: SoftmaxState | undefined;
      const answers = pieces.map((piece) => {
        const step = softmaxStep(state, cut({ ...inputs, mask }, piece));
        state = step.state;
        return step.y;
      });
      return tf.concat(answers, 2);
    },
  };
}

function* familyReaders(): Generator<Reader> {
  for (const { name, inputs, run } of MODELS) {
    yield {
      name,
      inputs: inputs as Reader["inputs"],
      directions: BOTH,
      packs: true,
      isPlain: false,
      run: (inputs, reading) => run(inputs, { ...reading, chunkSize: CHUNK }),
    };
  }
}

/** All of them. */
export const READERS: readonly Reader[] = [
  ...lionReaders(),
  ...softmaxReaders(),
  ...deltaReaders(),
  ...operationReaders(),
  ...stepReaders(),
  ...familyReaders(),
];

/** The shape of an input. */
export function shapeOf(axes: Axes, batch: number): number[] {
  return axes.map((axis) => axis === "batch" ? batch : SIZES[axis]);
}

/** Ordinary numbers for an input: log decays and rates below 0, and all below 1. */
export function numbersOf(
  name: string,
  shape: readonly number[],
): Float32Array {
  const sign = ["decay", "logDecay", "a"].includes(name) ? -0.5 : 1;
  const random = uniform(name.charCodeAt(0) + shape.length);
  return array(
    tf.util.sizeFromShape([...shape]),
    random,
    (u) => sign * (0.1 + 0.8 * u),
  );
}

/** The axes of its y. */
export function axesOfAnswer({ inputs }: Reader): Axes {
  return Object.values(inputs).includes(ROWS) ? ROWS : VALUES;
}

/** Where segments begin, after the first. */
const BORDERS = [3, 5, 9];

/** How a reader is run. */
export interface How {
  readonly causal: boolean;
  readonly packed: boolean;
  /** Of each token of each entry. */
  readonly mask?: tf.Tensor2D;
  /** The gradient of y. @default ones */
  readonly dy?: Float32Array;
  /** Whether y is all that is wanted: gradients are most of the shaders. */
  readonly isForward?: boolean;
}

/** y, and the gradients of what tokens have; all others are those of all sequences. */
export async function results(
  reader: Reader,
  numbers: Readonly<Record<string, Float32Array>>,
  batch: number,
  { causal, packed, mask, dy, isForward }: How,
): Promise<Record<string, Float32Array>> {
  const { inputs, run } = reader;
  const names = Object.keys(inputs);
  const given = tf.tidy(() => {
    const tensors = names.map((name) =>
      tf.tensor(numbers[name]!, shapeOf(inputs[name]!, batch))
    );
    const row = Array.from(
      { length: SIZES.length },
      (_, i) => BORDERS.filter((border) => border <= i).length,
    );
    const segments = tf.tensor2d(
      Array(batch).fill(row),
      [batch, SIZES.length],
      "int32",
    );
    const reading = {
      causal,
      ...(packed ? { segments } : {}),
      ...(mask ? { mask } : {}),
    };
    const read = (...x: tf.Tensor[]) =>
      run(Object.fromEntries(names.map((name, i) => [name, x[i]])), reading);
    if (isForward) return { y: read(...tensors) };
    const slope = dy && tf.tensor(dy, shapeOf(axesOfAnswer(reader), batch));
    const { value, grads } = tf.valueAndGrads(read)(tensors, slope);
    const ofTokens = names.map((name, i) => [name, grads[i]!] as const)
      .filter(([name]) => inputs[name]![0] === "batch");
    return { y: value, ...Object.fromEntries(ofTokens) };
  });
  const read = await Promise.all(
    Object.entries<tf.Tensor>(given).map(async ([name, x]) =>
      [name, await x.data() as Float32Array] as const
    ),
  );
  tf.dispose(given);
  return Object.fromEntries(read);
}

/**
 * Each reader in each direction, packed in one of them; on cpu, which has no
 * kernels, once.
 */
export function* readings(backend: BackendName): Generator<[Reader, How]> {
  for (const [i, reader] of READERS.entries()) {
    const { directions, packs, name } = reader;
    const last = READERS.findLast((other) => other.name === name);
    if (backend === "cpu" && reader !== last) continue;
    for (const causal of directions) {
      yield [reader, { causal, packed: packs && causal === (i % 2 === 0) }];
    }
  }
}
