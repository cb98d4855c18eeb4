/**
 * Every function of tensors: its inputs with their axes, how it is called, and what
 * its messages say. A new one is added here, and `operations_test.ts` and the tests of
 * NaN and of padding try it in all that they know.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  alibiSlopes,
  type BackendName,
  bidirectionalDecay,
  decayMask,
  deltaAttention,
  deltaStep,
  diagonalDecay,
  eluPlusOne,
  fixedDecay,
  lionAttention,
  logSigmoid,
  multiScanAttention,
  recurrentState,
  recurrentStep,
  selectiveDecay,
  shiftedSilu,
  softmaxAttention,
  transitionAttention,
  transitionStep,
} from "../../mod.ts";
import {
  type SoftmaxState,
  softmaxStep,
} from "../../lib/attention/streaming/softmax_step.ts";
import {
  dense,
  gelu,
  joinHeads,
  layerNorm,
  positiveRandomFeatures,
  rmsNorm,
  selectiveScan,
  shortConvolution,
  splitHeads,
} from "../../lib/operations/mod.ts";
import { identity } from "../../lib/operations/feature_map.ts";
import { withoutPadding } from "../../lib/operations/padding/padding.ts";
import { MODELS } from "../family/models.ts";
import { array, uniform } from "../random.ts";
import { CHANNELS, decayOf, DECAYS, FORMS, isOfChannels } from "./lion.ts";
import { inSteps } from "./pieces.ts";
import type { Tensors } from "./subject.ts";

/** The axes of an input, by their names. */
export type Axes = readonly string[];

/** How large each axis is. */
export type Sizes = Readonly<Record<string, number>>;

/** A function of tensors. */
export interface Operation {
  readonly name: string;
  /** The axes of each input, by the name that messages have; those of tokens begin with the batch. */
  readonly axes: Readonly<Record<string, Axes>>;
  /** Calls it with inputs, and with options that it does not set itself. */
  // deno-lint-ignore no-explicit-any -- each has inputs and options of its own
  run(inputs: Tensors, options: any): tf.Tensor | Record<string, tf.Tensor>;
  /** The values of `causal` that it has. @default none */
  readonly directions?: readonly boolean[];
  /** The values of `kernel` that it has. @default none */
  readonly kernels?: readonly boolean[];
  /** Of these it is tried with a NaN and with masks. @default none */
  readonly reads?: readonly boolean[];
  /** Whether it takes segments. @default false */
  readonly packs?: true;
  /** Whether nothing in, nothing out: it works on rows, or on numbers. */
  readonly ofRows?: true;
  /** What messages call its inputs, before their own names. @default nothing */
  readonly says?: string | Readonly<Record<string, string>>;
}

const K = ["batch", "heads", "length", "headDim"];
const V = ["batch", "heads", "length", "valueDim"];
const T = ["batch", "heads", "length"];
const X = ["batch", "length", "channels"];
const ROWS = ["batch", "length", "columns"];
const QKV = { q: K, k: K, v: V };
const BOTH = [false, true];
const ARRIVAL = { convention: "arrival" } as const;

/** The axes of a kind of decay's numbers, and who names them in messages. */
function numbersOfDecay(kind: string): Pick<Operation, "axes" | "says"> {
  const axes = isOfChannels(kind) ? K : T;
  if (kind === "none") return { axes: {} };
  if (kind === "fixed") {
    return {
      axes: { logDecay: ["heads"] },
      says: { logDecay: "fixedDecay's" },
    };
  }
  if (kind.startsWith("two-sided")) {
    const says = {
      forward: "bidirectionalDecay's",
      backward: "bidirectionalDecay's",
    };
    return { axes: { forward: axes, backward: axes }, says };
  }
  const owner = isOfChannels(kind) ? "diagonalDecay's" : "selectiveDecay's";
  return { axes: { logDecay: axes }, says: { logDecay: owner } };
}

/** Kinds of decay that plain forms compute in ways of their own. */
const PLAIN = ["none", "arrival", "arrival of channels"];

/** Those that are of two others. */
const COMPOSED = ["source of channels", "two-sided of channels"];

function* attention(): Generator<Operation> {
  for (const form of FORMS) {
    for (const kind of [...DECAYS, ...CHANNELS]) {
      const { axes, says } = numbersOfDecay(kind);
      const isChunked = form.endsWith("wise");
      yield {
        name: `lionAttention as ${form}, decay ${kind},`,
        axes: { ...QKV, ...axes },
        ...says ? { says } : {},
        directions: BOTH,
        kernels: BOTH,
        reads: [
          ...COMPOSED.includes(kind) ? [] : [true],
          ...PLAIN.includes(kind) ? [false] : [],
        ],
        packs: true,
        run: ({ q, k, v, ...decays }, { chunkSize, ...options }) =>
          lionAttention(q, k, v, {
            ...{ ...options, form, decay: decayOf(kind, decays) },
            ...isChunked ? { chunkSize } : {},
          }),
      };
    }
  }
  yield {
    name: "multiScanAttention",
    axes: { ...QKV, logDecay: T },
    says: { logDecay: "selectiveDecay's" },
    kernels: BOTH,
    reads: BOTH,
    packs: true,
    run: ({ q, k, v, logDecay }, options) => {
      const order = Array.from({ length: q.shape[2] }, (_, i) => i);
      const decay = selectiveDecay(logDecay);
      const ways = [order, order.toReversed()]
        .map((order) => ({ order, decay }));
      return multiScanAttention(q, k, v, ways, options);
    },
  };
  for (const sloped of BOTH) {
    yield {
      name: `softmaxAttention${sloped ? " with slopes and a decay" : ""}`,
      axes: { ...QKV, ...sloped ? { logDecay: T } : {} },
      ...sloped ? { says: { logDecay: "selectiveDecay's" } } : {},
      directions: BOTH,
      kernels: BOTH,
      reads: BOTH,
      packs: true,
      run: ({ q, k, v, logDecay }, { chunkSize: _, ...options }) =>
        softmaxAttention(q, k, v, {
          ...options,
          ...sloped
            ? {
              slopes: alibiSlopes(q.shape[1] || 1),
              decay: selectiveDecay(logDecay),
            }
            : {},
        }),
      ...sloped ? {} : { optionsOf: "softmaxAttention" },
    };
  }
  for (const kind of ["none", "fixed", "arrival", "arrival of channels"]) {
    for (const form of ["recurrent", "chunkwise"] as const) {
      const { axes, says } = numbersOfDecay(kind);
      yield {
        name: `deltaAttention as ${form}, decay ${kind},`,
        axes: { ...QKV, beta: T, ...axes },
        ...says ? { says } : {},
        directions: BOTH,
        kernels: form === "recurrent" ? [false] : BOTH,
        reads: form === "recurrent" ? [false] : BOTH,
        packs: true,
        run: ({ q, k, v, beta, ...decays }, { chunkSize, ...options }) =>
          deltaAttention(q, k, v, beta, {
            ...{ ...options, form, decay: decayOf(kind, decays) },
            ...form === "chunkwise" ? { chunkSize } : {},
          }),
      };
    }
  }
  for (const form of ["recurrent", "chunkwise"] as const) {
    for (
      const [reads, axes] of Object.entries({
        nothing: {},
        a: { a: K },
        "a and b": { a: K, b: K },
      })
    ) {
      yield {
        name: `transitionAttention as ${form} of ${reads}`,
        axes: { ...QKV, ...axes, logDecay: K },
        says: { logDecay: "diagonalDecay's" },
        directions: BOTH,
        kernels: form === "recurrent" ? [false] : BOTH,
        reads: form === "recurrent" ? [false] : BOTH,
        packs: true,
        run: (
          { q, k, v, a = null, b = null, logDecay },
          { chunkSize, ...options },
        ) =>
          transitionAttention(q, k, v, a, b, {
            ...{ ...options, form, decay: diagonalDecay(logDecay, ARRIVAL) },
            ...form === "chunkwise" ? { chunkSize } : {},
          }),
      };
    }
  }
}

const SUM = ["batch", "heads", "headDim", "sums"];

function* steps(): Generator<Operation> {
  for (const logDecay of [["heads"], T, K]) {
    const of = `a decay of ${logDecay.length} axes`;
    for (const convention of ["source", "arrival"] as const) {
      yield {
        name: `recurrentStep, ${of}, ${convention},`,
        axes: { ...QKV, logDecay, sum: SUM, due: ["batch", "heads"] },
        says: { sum: "state.", due: "state." },
        kernels: BOTH,
        run: ({ sum, due, ...input }, options) =>
          recurrentStep(
            { sum, due },
            input as Parameters<typeof recurrentStep>[1],
            {
              convention,
              ...options,
            },
          ).y,
      };
    }
    yield {
      name: `deltaStep, ${of},`,
      axes: {
        ...{ ...QKV, beta: T, logDecay },
        state: ["batch", "heads", "headDim", "valueDim"],
      },
      kernels: BOTH,
      run: ({ state, ...input }, options) =>
        deltaStep(state, input as Parameters<typeof deltaStep>[1], options).y,
    };
    yield {
      name: `transitionStep, ${of},`,
      axes: {
        ...{ ...QKV, a: K, b: K, logDecay },
        state: ["batch", "heads", "headDim", "valueDim"],
      },
      kernels: BOTH,
      run: ({ state, ...input }, options) =>
        transitionStep(
          state,
          input as Parameters<typeof transitionStep>[1],
          options,
        ).y,
    };
  }
  // In two pieces.
  const inTwo = (length: number) => length > 5 ? [5, length - 5] : [length];
  const reading = { directions: [true], kernels: BOTH, reads: BOTH };
  yield {
    name: "recurrentStep in pieces",
    axes: { ...QKV, logDecay: T },
    ...reading,
    run(inputs, { mask, kernel }) {
      const [batch, heads, length, headDim] = inputs["q"].shape;
      const sizes = { batch, heads, headDim, valueDim: inputs["v"].shape[3] };
      return inSteps(
        recurrentState(sizes),
        inTwo(length),
        { ...inputs, mask },
        (state, input) =>
          recurrentStep(state, input as Parameters<typeof recurrentStep>[1], {
            kernel,
          }),
      );
    },
  };
  for (
    const [name, step, own, none] of [
      ["deltaStep", deltaStep, { beta: T }, {}],
      ["transitionStep", transitionStep, { a: K }, { b: null }],
    ] as const
  ) {
    yield {
      name: `${name} in pieces`,
      axes: { ...QKV, ...own, logDecay: T },
      ...reading,
      run: (inputs, { mask, kernel }) =>
        inSteps<tf.Tensor4D | null>(
          null,
          inTwo(inputs["q"].shape[2]),
          { ...inputs, mask },
          (state, input) =>
            step(state, { ...input, ...none } as never, { kernel }),
        ),
    };
  }
  for (const decays of [{}, { logDecay: T }]) {
    yield {
      name: `softmaxStep in pieces${"logDecay" in decays ? ", decaying" : ""}`,
      axes: { ...QKV, ...decays },
      ...{ ...reading, kernels: [false], reads: [false] },
      run: (inputs, { mask }) =>
        inSteps<SoftmaxState | undefined>(
          undefined,
          inTwo(inputs["q"].shape[2]),
          { ...inputs, mask },
          (state, input) =>
            softmaxStep(state, input as Parameters<typeof softmaxStep>[1]),
        ),
    };
  }
}

function* decays(): Generator<Operation> {
  const says = numbersOfDecay;
  yield {
    name: "decayMask of fixedDecay",
    ...says("fixed"),
    run: ({ logDecay }) => decayMask(fixedDecay(logDecay), 3),
  };
  for (const convention of ["source", "arrival"] as const) {
    yield {
      name: `decayMask of selectiveDecay, ${convention},`,
      ...says("source"),
      run: ({ logDecay }, options) =>
        decayMask(
          selectiveDecay(logDecay, { convention, ...options }),
          logDecay.shape[2],
        ),
    };
  }
  yield {
    name: "decayMask of bidirectionalDecay",
    ...says("two-sided"),
    run: ({ forward, backward }) =>
      decayMask(bidirectionalDecay(forward, backward), forward.shape[2]),
  };
  yield {
    name: "lionAttention of one vector with diagonalDecay",
    axes: { logDecay: K },
    says: { logDecay: "diagonalDecay's" },
    run({ logDecay }, options) {
      const decay = diagonalDecay(logDecay, options);
      const x: tf.Tensor4D = tf.ones(logDecay.shape);
      return lionAttention(x, x, x, { decay });
    },
  };
}

/** The family, which has no `kernel`, and whose messages begin with their names. */
function* family(): Generator<Operation> {
  for (const { name, inputs, run, forms } of MODELS) {
    yield {
      name,
      axes: inputs,
      says: `${name}'s`,
      directions: BOTH,
      reads: [true],
      packs: true,
      run: (given, { kernel: _, chunkSize, ...options }) =>
        run(given, forms.length > 0 ? { ...options, chunkSize } : options),
    };
  }
}

function* operations(): Generator<Operation> {
  yield {
    name: "positiveRandomFeatures",
    axes: { x: K, directions: ["features", "headDim"] },
    says: { directions: "positiveRandomFeatures'" },
    run: ({ x, directions }) => positiveRandomFeatures(directions)(x),
    ofRows: true,
  };
  yield {
    name: "selectiveScan",
    axes: {
      ...{ x: X, dt: X, a: ["channels", "stateDim"] },
      b: ["batch", "length", "stateDim"],
      c: ["batch", "length", "stateDim"],
      ...{ d: ["channels"], z: X },
    },
    says: "selectiveScan's",
    directions: BOTH,
    kernels: BOTH,
    reads: BOTH,
    packs: true,
    // Not causal, it has a scan from either end.
    run(inputs, { causal = true, chunkSize: _, ...options }) {
      const given = inputs as Parameters<typeof selectiveScan>[0];
      const scan = (reverse: boolean) =>
        selectiveScan(given, { reverse, ...options });
      return causal ? scan(false) : tf.add(scan(false), scan(true));
    },
    ofRows: true,
  };
  yield {
    name: "shortConvolution",
    axes: { x: X, weight: ["channels", "taps"], bias: ["channels"] },
    says: "shortConvolution's",
    directions: BOTH,
    kernels: BOTH,
    reads: BOTH,
    packs: true,
    run: ({ x, weight, bias }, { causal = true, chunkSize: _, ...options }) =>
      shortConvolution(x, weight, bias, {
        place: causal ? "causal" : "centred",
        ...{ activation: "silu", ...options },
      }),
    ofRows: true,
  };
  yield* onRows();
}

/** An operation on rows or on numbers, whose messages begin with its name. */
const rowsOf = (
  name: string,
  axes: Operation["axes"],
  run: Operation["run"],
  owner: string = name,
): Operation => ({
  ...{ name, axes, run, ofRows: true },
  says: owner.endsWith("s") ? `${owner}'` : `${owner}'s`,
});

function* onRows(): Generator<Operation> {
  const ofColumns = ["columns"], weight = ["columns", "outputs"];
  const heads = ["batch", "length", "projections"];
  const layer = { x: ROWS, weight, bias: ["outputs"] };
  yield rowsOf("dense", layer, (x) => dense(x["x"], x["weight"], x["bias"]));
  yield rowsOf(
    "dense without bias",
    { x: ROWS, weight },
    ({ x, weight }) => dense(x, weight),
    "dense",
  );
  yield rowsOf(
    "layerNorm",
    { x: ROWS, scale: ofColumns, offset: ofColumns },
    ({ x, scale, offset }) => layerNorm(x, scale, offset),
  );
  yield rowsOf(
    "rmsNorm",
    { x: ROWS, scale: ofColumns, gate: ROWS },
    ({ x, scale, gate }) => rmsNorm(x, scale, { gate }),
  );
  const maps = {
    identity,
    relu: tf.relu,
    eluPlusOne,
    shiftedSilu,
    "its own": tf.neg,
  };
  for (const [map, featureMap] of Object.entries(maps)) {
    const options = { numHeads: 2, featureMap };
    yield rowsOf(
      `splitHeads with ${map}`,
      { x: heads },
      ({ x }) => ({ ...splitHeads(x, options) }),
      "splitHeads",
    );
  }
  yield rowsOf("joinHeads", { x: V }, ({ x }) => joinHeads(x));
  const { says: _, ...withoutMask } = rowsOf(
    "withoutPadding",
    { x: ROWS },
    ({ x }) => withoutPadding(x, tf.ones(x.shape.slice(0, 2))),
  );
  yield withoutMask;
  const ofNumbers = {
    ...{ eluPlusOne, gelu, identity, logSigmoid, shiftedSilu },
    "gelu by tanh": (x: tf.Tensor) => gelu(x, { approximate: "tanh" }),
  };
  for (const [name, map] of Object.entries(ofNumbers)) {
    const run: Operation["run"] = ({ x }) => map(x);
    yield rowsOf(name, { x: K }, run, name.split(" ")[0]);
  }
}

/** All of them. */
export const OPERATIONS: readonly Operation[] = [
  ...[...attention(), ...steps(), ...decays(), ...family(), ...operations()],
];

/** An operation with a value of `causal` and of `kernel`, where it has these. */
export interface Call {
  readonly name: string;
  readonly operation: Operation;
  readonly options: { readonly causal?: boolean; readonly kernel?: boolean };
}

/** Each operation in each of its directions, as a kernel and without. */
export const CALLS: readonly Call[] = OPERATIONS.flatMap((operation) =>
  (operation.directions ?? [undefined]).flatMap((causal) =>
    (operation.kernels ?? [undefined]).map((kernel): Call => ({
      name: operation.name + (causal ? ", causal" : "") +
        (kernel === undefined ? "" : `, kernel ${kernel}`),
      operation,
      options: {
        ...causal === undefined ? {} : { causal },
        ...kernel === undefined ? {} : { kernel },
      },
    }))
  )
);

/** What messages call an input. */
export function saysOf({ says }: Operation, input: string): string {
  const owner = typeof says === "string" ? says : says?.[input] ?? "";
  return owner.endsWith(".") ? owner + input : `${owner} ${input}`.trim();
}

/** The shape of an input. */
export const shapeOf = (axes: Axes, sizes: Sizes): number[] =>
  axes.map((axis) => sizes[axis]!);

/** Whether an input is of logarithms of decays, or what a logarithm is made of. */
export const isLogarithm = (input: string): boolean =>
  /decay$|^(forward|backward|a|due)$/i.test(input);

/** Ordinary numbers for an input: log decays and rates below 0, and all below 1. */
export function numbersOf(
  name: string,
  shape: readonly number[],
): Float32Array {
  const sign = isLogarithm(name) ? -0.5 : 1;
  const random = uniform(name.charCodeAt(0) + shape.length);
  const size = tf.util.sizeFromShape([...shape]);
  return array(size, random, (u) => sign * (0.1 + 0.8 * u));
}

/** The sizes of readings; chunks of 4 do not divide the length. */
export const SIZES = {
  ...{ heads: 2, length: 13, headDim: 4, valueDim: 3, steps: 2 },
  ...{ channels: 5, stateDim: 3, taps: 3, angles: 2, levels: 5 },
};

const CHUNK = 4;

/** A call that reads tokens. */
export interface Reading extends Call {
  /** Whether no kernel runs: it is left out, or the backend has none. */
  readonly isPlain: boolean;
  readonly packed: boolean;
}

/**
 * Each operation that reads tokens in each direction, packed in one of them; on cpu,
 * which has no kernels, once.
 */
export function readings(backend: BackendName): Reading[] {
  return OPERATIONS.filter(({ reads }) => reads).flatMap((operation, i) => {
    const { reads, directions = [false], packs, kernels } = operation;
    const tried = backend === "cpu" ? reads!.slice(-1) : reads!;
    return tried.flatMap((kernel) =>
      directions.map((causal): Reading => ({
        name: `${operation.name} causal ${causal}, kernel ${kernel}`,
        operation,
        options: { causal, ...kernels ? { kernel } : {} },
        isPlain: !kernel || backend === "cpu",
        packed: packs === true && causal === ((i + Number(kernel)) % 2 === 0),
      }))
    );
  });
}

/** The axes of a reading's y. */
export function axesOfAnswer({ operation }: Reading): Axes {
  return Object.values(operation.axes).includes(X) ? X : V;
}

/** Where segments begin, after the first. */
export const BORDERS = [3, 5, 9];

/** y, and the gradients of what tokens have; all others are those of all sequences. */
export async function results(
  reading: Reading,
  numbers: Readonly<Record<string, Float32Array>>,
  batch: number,
  { mask, dy, isForward, length = SIZES.length }: {
    /** Of sequences. */
    readonly length?: number;
    /** Of each token of each entry. */
    readonly mask?: tf.Tensor2D;
    /** The gradient of y. @default ones */
    readonly dy?: Float32Array;
    /** Whether y is all that is wanted: gradients are most of the shaders. */
    readonly isForward?: boolean;
  } = {},
): Promise<Record<string, Float32Array>> {
  const { operation: { axes, run }, options, packed } = reading;
  const names = Object.keys(axes), sizes = { ...SIZES, batch, length };
  const given = tf.tidy(() => {
    const tensors = names.map((name) =>
      tf.tensor(numbers[name]!, shapeOf(axes[name]!, sizes))
    );
    const row = Array.from(
      { length },
      (_, i) => BORDERS.filter((border) => border <= i).length,
    );
    const shape: [number, number] = [batch, length];
    const segments = tf.tensor2d(Array(batch).fill(row), shape, "int32");
    const read = (...x: tf.Tensor[]) =>
      run(Object.fromEntries(names.map((name, i) => [name, x[i]])), {
        ...{ ...options, chunkSize: CHUNK },
        ...packed ? { segments } : {},
        ...mask ? { mask } : {},
      }) as tf.Tensor;
    if (isForward) return { y: read(...tensors) };
    const outputGradient = dy &&
      tf.tensor(dy, shapeOf(axesOfAnswer(reading), sizes));
    const { value, grads } = tf.valueAndGrads(read)(tensors, outputGradient);
    const ofTokens = names.map((name, i) => [name, grads[i]!] as const)
      .filter(([name]) => axes[name]![0] === "batch");
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
