/** Recordings of a program at several sizes, which have to show the same kernels. @module */
import * as tf from "@tensorflow/tfjs-core";
import { recordRun, type Step, type Trace } from "@lionjs/tfjs/record";
import { BATCH, type InputKind, type LENGTH, type Program } from "./program.ts";
import type { FreeSizes } from "./sizes.ts";

/**
 * Lengths on both sides of powers of two: a loop of doubling that has no name would run as
 * often at 9, 11 and 13, and be wrong at other lengths.
 */
const LENGTHS = [7, 11, 13] as const;

/** The length up to which a model has to read to be recorded. */
export const LONGEST = Math.max(...LENGTHS);

/** The second has more tokens than most layers have columns, by which these may choose. */
const BATCHES = [[2, 3, 5], [71, 73, 79]] as const;

/** A recorded run. */
export interface Run extends FreeSizes {
  readonly trace: Trace;
}

/** The recordings of a program, of the same steps. */
export interface Recordings {
  readonly runs: readonly Run[];
  dispose(): void;
}

/**
 * Records a program.
 *
 * @throws {TypeError} If a run does what a graph cannot, or runs other kernels for other
 * lengths.
 */
export function record(program: Program): Recordings {
  let recordings = recordAt(program, BATCHES[0]);
  if (difference(recordings.runs) !== undefined) {
    recordings.dispose();
    recordings = recordAt(program, BATCHES[1]);
  }
  const kernel = difference(recordings.runs);
  if (kernel === undefined) return recordings;
  recordings.dispose();
  throw new TypeError(
    `${program.name} should run the same kernels at every length to be written as ONNX, ` +
      `but ${kernel} runs only at some of the lengths ${LENGTHS.join(", ")}`,
  );
}

function recordAt(
  program: Program,
  batches: readonly number[],
): Recordings {
  const recordings: (FreeSizes & {
    readonly recording: ReturnType<typeof recordRun>["recording"];
  })[] = [];
  const dispose = () =>
    recordings.forEach(({ recording }) => recording.dispose());
  try {
    for (const [i, length] of LENGTHS.entries()) {
      const sizes = { batch: batches[i]!, length };
      const recording = recordOnce(program, sizes);
      recordings.push({ ...sizes, recording });
      if (recording.refusal === undefined) continue;
      throw new TypeError(
        `${program.name} should depend on its inputs and weights alone to be written as ` +
          `ONNX, but it ${recording.refusal}; leave out the mixer, decay or layer that does`,
      );
    }
  } catch (error) {
    dispose();
    throw error;
  }
  const runs = recordings.map(({ recording: { trace }, batch, length }) => ({
    ...{ batch, length, trace },
  }));
  return { runs, dispose };
}

function recordOnce(program: Program, sizes: FreeSizes) {
  const inputs = program.inputs.map(({ shape, kind }) =>
    exampleOf(kind, shape.map((size) => sizeOfAxis(size, sizes)))
  );
  try {
    // A first run makes what later ones find.
    tf.tidy(() => void program.run(inputs));
    let recording!: ReturnType<typeof recordRun>["recording"];
    tf.tidy(() => {
      ({ recording } = recordRun(inputs, () => program.run(inputs), true));
    });
    return recording;
  } finally {
    tf.dispose(inputs);
  }
}

function sizeOfAxis(
  size: number | typeof BATCH | typeof LENGTH,
  { batch, length }: FreeSizes,
): number {
  if (typeof size === "number") return size;
  return size === BATCH ? batch : length;
}

/** An input whose values do not matter. */
function exampleOf(kind: InputKind, shape: number[]): tf.Tensor {
  switch (kind) {
    case "ids":
      return tf.zeros(shape, "int32");
    case "mask":
      return exampleMask(shape as [number, number]);
  }
  return tf.fill(shape, 0.1);
}

/**
 * A mask of padding, and of tokens by another number than 1: where there is no padding, or
 * where tokens are 1 already, kernels may return what they are given, which a recording
 * shows as the same data.
 */
function exampleMask([batch, length]: readonly [number, number]): tf.Tensor {
  return tf.tidy(() => {
    const places = tf.expandDims(tf.range(0, length), 0);
    const isToken = tf.cast(tf.less(places, length - 1), "float32");
    return tf.mul(isToken, tf.fill([batch, 1], 2));
  });
}

/** The forms of one kernel, which the length chooses, by the name of one of them. */
const FORMS: ReadonlySet<string> = new Set([
  "LionFull",
  "LionBlockwise",
  "LionRecurrent",
  "LionChunkwise",
]);

/** The name of a step, the same for all forms. */
function nameOf({ name }: Step): string {
  return FORMS.has(name) ? "LionChunkwise" : name;
}

/** The first kernel that not all runs have; `undefined` if there is none. */
function difference(runs: readonly Run[]): string | undefined {
  const [first, ...others] = runs.map(({ trace: { steps } }) => steps) as [
    readonly Step[],
    ...(readonly Step[])[],
  ];
  for (const steps of others) {
    for (let i = 0; i < Math.max(first.length, steps.length); i++) {
      const one = first[i], other = steps[i];
      if (one && other && isAlike(one, other)) continue;
      return (other ?? one)!.name;
    }
  }
  return undefined;
}

/** Whether two steps are the same kernel, of the same values. */
function isAlike(one: Step, other: Step): boolean {
  const slots = ({ inputs, outputs }: Step) =>
    [
      ...inputs.map(([name, view]) => `${name} ${view?.slot}`),
      ...outputs.map(({ slot }) => slot),
    ].join();
  return nameOf(one) === nameOf(other) && slots(one) === slots(other);
}
