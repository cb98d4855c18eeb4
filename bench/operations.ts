/**
 * Operations of the library with inputs, for whoever times them: forward, or with
 * the gradients of all inputs, beside the same in operations of TensorFlow.js.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type {
  Decay,
  LionAttentionOptions,
  SoftmaxAttentionOptions,
} from "@lionjs/lion";
import type { SelectiveScanInputs } from "@lionjs/lion/operations";
import {
  type AttentionProblem,
  HEAD_DIM,
  type Variant,
} from "./attention_problem.ts";
import {
  compute,
  type Pass,
  readTensors,
  timeTensors,
} from "./measure/tensors.ts";
import { difference } from "./measure/timing.ts";
import { type Inputs, inputsOf, MODELS } from "../tests/family/models.ts";
import { array, uniform } from "../tests/random.ts";
import { inPlainForms } from "./plain_forms.ts";
import { INPUTS, scanProblem, shapeOf } from "./scan_problem.ts";

/** Functions of the public entries of the library, or of an older revision of it. */
export type Library =
  & typeof import("@lionjs/lion")
  & typeof import("@lionjs/lion/family")
  & typeof import("@lionjs/lion/operations");

/** Heads of all operations that have some. */
export const HEADS = 4;

/** An array with a shape. */
export type Shaped = readonly [shape: number[], values: Float32Array];

/** An operation on arrays. */
export interface Operation {
  /**
   * Gradients that are judged by the largest of them, from the first on: those of
   * normalised queries and keys may cancel. @default 0
   */
  readonly together?: number;
  /** Inputs that have gradients, in their order. */
  inputs(): Readonly<Record<string, Shaped>>;
  /** The gradient of a loss in the output, which has the shape of the value. */
  dy(): Float32Array;
  /** Inputs without gradients. @default none */
  options?(): Readonly<Record<string, tf.Tensor>>;
  /** `isPlain` asks for a form that is quick in operations of TensorFlow.js. */
  attend(
    library: Library,
    inputs: Readonly<Record<string, tf.Tensor>>,
    options: Readonly<Record<string, tf.Tensor>>,
    isPlain: boolean,
  ): tf.Tensor;
}

/** An operation, or a model, with its inputs in place. */
export interface OpenOperation {
  /** Computes once; the milliseconds that it took. */
  time(): Promise<number>;
  /** Computes once; the output and what comes after it. */
  results(): Promise<Float32Array[]>;
  /** The same in operations of TensorFlow.js. */
  reference(): Promise<Float32Array[]>;
  /** Frees the inputs. */
  dispose(): void;
}

/** The tensors of an operation, which several ways to compute it may share. */
export interface PlacedInputs {
  /** Those that have gradients, in their order. */
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  /** The gradient of a loss in the output. */
  readonly outputGradient: tf.Tensor;
  /** Those without gradients. */
  readonly others: Readonly<Record<string, tf.Tensor>>;
  /** Frees them. */
  dispose(): void;
}

/** The shape of the output: that of the values, of which a token may have several. */
export function outputShape(
  inputs: Readonly<Record<string, Shaped>>,
): readonly number[] {
  const [shape] = (inputs["v"] ?? inputs["x"])!;
  return shape.length === 5 ? shape.toSpliced(3, 1) : shape;
}

/** Makes the tensors of an operation. */
export function placeInputs(
  { inputs, dy, options }: Pick<Operation, "inputs" | "dy" | "options">,
): PlacedInputs {
  const arrays = inputs();
  const tensors = Object.fromEntries(
    Object.entries(arrays)
      .map(([name, [shape, values]]) => [name, tf.tensor(values, shape)]),
  );
  const outputGradient = tf.tensor(dy(), [...outputShape(arrays)]);
  const others = options?.() ?? {};
  return {
    inputs: tensors,
    ...{ outputGradient, others },
    dispose: () =>
      tf.dispose([
        ...Object.values(tensors),
        outputGradient,
        ...Object.values(others),
      ]),
  };
}

/** An operation on tensors, its own unless they are given; `run` computes once. */
export function openOperation(
  { attend, ...operation }: Operation,
  library: Library,
  pass: Pass,
  placed: PlacedInputs = placeInputs(operation),
): OpenOperation & { run(isPlain?: boolean): tf.Tensor[] } {
  const { outputGradient, others } = placed;
  const names = Object.keys(placed.inputs);
  const tensors = Object.values(placed.inputs);
  const run = (isPlain = false) =>
    compute(
      (...given) => {
        const inputs = names.map((name, i) => [name, given[i]!] as const);
        return attend(library, Object.fromEntries(inputs), others, isPlain);
      },
      tensors,
      outputGradient,
      pass,
    );
  return {
    run,
    time: () => timeTensors(run),
    results: () => readTensors(run),
    reference: () => inPlainForms(() => readTensors(() => run(true))),
    dispose: () => placed.dispose(),
  };
}

/** Largest error relative to the largest value: of the tests, with room for long sums. */
const TOLERANCE = { forward: 2e-5, gradients: 5e-5 };

/**
 * What is wrong with an output and the gradients after it; `null` if they are
 * those of the reference.
 *
 * @param together As {@linkcode Operation} has it. @default 0
 * @param tolerance Shares of the largest values.
 */
export function wrongIn(
  results: readonly Float32Array[],
  reference: readonly ArrayLike<number>[],
  together = 0,
  tolerance: typeof TOLERANCE = TOLERANCE,
): string | null {
  if (results.length !== reference.length) {
    return `${results.length} results, not ${reference.length}`;
  }
  const pairs = results.map((values, i) => [values, reference[i]!] as const);
  const [output, ...gradients] = pairs;
  const parts = [
    gradients.slice(0, together),
    ...gradients.slice(together).map((pair) => [pair]),
  ].filter(({ length }) => length > 0);
  return parts.reduce<string | null>(
    (wrong, part, i) =>
      wrong ?? difference(`result ${i + 2}`, part, tolerance.gradients),
    difference("result 1", [output!], tolerance.forward),
  );
}

/** q, k, v and any log decay of a problem of attention. */
export function attentionInputs(
  { variant, heads, length, q, k, v, logDecay }: AttentionProblem,
): Readonly<Record<string, Shaped>> {
  const shape = [1, heads, length, HEAD_DIM];
  const decays = variant === "d" ? [heads] : [1, heads, length];
  return {
    ...{ q: [shape, q], k: [shape, k], v: [shape, v] },
    ...logDecay && { logDecay: [decays, logDecay] },
  };
}

/** The decay of a variant, of its log decay as a tensor. */
export function decayOf(
  library: Library,
  variant: Variant,
  logDecay: tf.Tensor | undefined,
): Decay {
  if (logDecay === undefined) return library.noDecay();
  return variant === "d"
    ? library.fixedDecay(logDecay as tf.Tensor1D)
    : library.selectiveDecay(logDecay as tf.Tensor3D);
}

/** Makes tensors of a sequence that have no gradients, such as a mask. */
type Others = () => Readonly<Record<string, tf.Tensor>>;

type Vectors = [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];

/** Attention of a variant in a form. */
export function formOperation(
  variant: Variant,
  problem: () => AttentionProblem,
  form: LionAttentionOptions,
  options: Others = () => ({}),
): Operation {
  return {
    together: 3,
    inputs: () => attentionInputs(problem()),
    dy: () => problem().dy,
    options,
    attend: (library, { q, k, v, logDecay }, options, isPlain) =>
      library.lionAttention(...[q, k, v] as Vectors, {
        ...form,
        ...isPlain && { form: "chunkwise" },
        scale: 1,
        decay: decayOf(library, variant, logDecay),
        ...options,
      }),
  };
}

/** Softmax attention, which has no decay. */
export function softmaxOperation(
  problem: () => AttentionProblem,
  given: SoftmaxAttentionOptions = {},
  options: Others = () => ({}),
): Operation {
  return {
    together: 3,
    inputs: () => attentionInputs({ ...problem(), logDecay: null }),
    dy: () => problem().dy,
    options,
    attend: (library, { q, k, v }, options) =>
      library.softmaxAttention(...[q, k, v] as Vectors, {
        ...given,
        scale: 1,
        ...options,
      }),
  };
}

/** The members of the family, as tests describe them. */
const FAMILY = Object.fromEntries(
  MODELS.map((model) => [model.name as string, model]),
);

/** The names of all members, and of what others are compared with. */
export const MEMBERS: readonly string[] = ["scalar", ...Object.keys(FAMILY)];

/** Inputs of one sequence of a member, of ordinary numbers: tests have extreme ones at both ends. */
function memberInputs(member: string, length: number): Inputs {
  const sizes = {
    ...{ batch: 1, heads: HEADS, length, headDim: HEAD_DIM },
    ...{ valueDim: HEAD_DIM, steps: 2, angles: HEAD_DIM / 4 },
    levels: 33 - Math.clz32(length - 1),
  };
  const model = FAMILY[member] ?? FAMILY["forgettingAttention"]!;
  return inputsOf(
    model,
    sizes,
    uniform(length),
    (name, u) => model.make[name]!(0.2 + 0.6 * u, 0),
  );
}

/** What revisions have called attention to the tokens before. */
const CAUSAL = [{ causal: true }, { direction: "forward" }] as const;

/** Options of an operation on the tokens before, or on all. */
type Directed = Partial<Record<"causal" | "direction", unknown>>;

/** Calls with the option that the revision knows, which is found out once. */
function inDirection(
  causal: boolean,
): (call: (options: Directed) => tf.Tensor) => tf.Tensor {
  let known: Directed | undefined = causal ? undefined : {};
  return (call) => {
    if (known) return call(known);
    try {
      const output = call(CAUSAL[0]);
      known = CAUSAL[0];
      return output;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      known = CAUSAL[1];
      return call(known);
    }
  };
}

/** A member of the family on one sequence. */
export function familyOperation(
  member: string,
  length: number,
  causal = false,
): Operation {
  const directed = inDirection(causal);
  return {
    inputs: () =>
      Object.fromEntries(
        Object.entries(memberInputs(member, length))
          .map(([name, { shape, values }]) => [name, [shape, values]]),
      ),
    dy: () => array(HEADS * length * HEAD_DIM, uniform(length + 1)),
    attend: (library, inputs) =>
      directed((direction) => {
        if (member === "scalar") {
          const { q, k, v, logDecay } = inputs;
          const options = {
            ...{ form: "chunkwise", normalize: false, scale: 1 },
            decay: library.selectiveDecay(logDecay as tf.Tensor3D, {
              convention: "arrival",
            }),
            ...direction,
          } as LionAttentionOptions;
          return library.lionAttention(
            ...[q, k, v] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D],
            options,
          );
        }
        const call = library[member as keyof Library] as unknown as (
          inputs: Record<string, tf.Tensor>,
          options: Directed & { readonly scale: number },
        ) => tf.Tensor;
        if (!call) throw new Error(`there is no ${member}`);
        return call(inputs, { scale: 1, ...direction });
      }),
  };
}

/** Mamba's scan of one sequence. */
export function scanOperation(
  length: number,
  channels: number,
  states: number,
): Operation {
  const problem = () => scanProblem(length, channels, states);
  return {
    inputs: () => {
      const own = problem();
      const shaped = INPUTS.map((name) =>
        [name, [shapeOf(own, name), own.inputs[name]]] as const
      );
      return Object.fromEntries(shaped);
    },
    dy: () => problem().dy,
    attend: (library, inputs) =>
      library.selectiveScan(inputs as unknown as SelectiveScanInputs),
  };
}
