/** Runs a kind of kernels with some numbers: checks it, and times it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@lionjs/lion";
import { asTuning } from "../../lib/backend/tuning_source.ts";
import type { ShapeClass, TuningNumbers } from "../../lib/kernels/tuning.ts";
import {
  compute,
  readTensors,
  timeTensors,
} from "../../bench/measure/tensors.ts";
import { type Candidate, difference } from "../../bench/measure/timing.ts";
import { array, uniform } from "../../tests/random.ts";
import type { Family, Input, Numbers, TunedName } from "./families.ts";
import { type Sizes, sizesOf } from "./shapes.ts";

/** Largest error relative to the largest value: of the tests, twice, since both sides are rounded. */
const TOLERANCE: Readonly<
  Record<TunedName, { readonly forward: number; readonly gradient: number }>
> = {
  webgpu: { forward: 2e-5, gradient: 2e-5 },
  wasm: { forward: 4e-6, gradient: 1e-5 },
};

/** A family's problems of a class, with their tensors. */
export interface Trials {
  /**
   * The forward pass and the gradients with some numbers.
   *
   * @param name Of the candidate.
   * @param tuning All numbers that it runs with.
   */
  candidate(name: string, tuning: TuningNumbers): Candidate;
  /** Frees the tensors. */
  close(): void;
}

/** The numbers as a tuning of a class. */
export function tuningOf(
  backend: TunedName,
  shape: ShapeClass,
  numbers: Numbers,
): TuningNumbers {
  return { [backend]: { [shape]: numbers } };
}

/** The numbers in words. */
export function nameOf(numbers: Numbers): string {
  return Object.values(numbers)
    .flatMap((some) => Object.entries(some as Record<string, unknown>))
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

/** Prepares a family's problems of a class on the backend that runs. */
export async function openTrials(
  backend: TunedName,
  family: Family,
  shape: ShapeClass,
): Promise<Trials> {
  const { timed, checked } = sizesOf(shape);
  const small = problemOf(family, checked);
  const large = problemOf(family, timed);
  const plain = await readTensors(() =>
    compute(family.attend(false), small.inputs, small.dy, "gradients")
  );
  const run = ({ inputs, dy }: Problem) =>
    compute(family.attend(true), inputs, dy, "gradients");
  const { forward, gradient } = TOLERANCE[backend];
  const check = async (): Promise<string | null> => {
    const [y, ...gradients] = await readTensors(() => run(small));
    const pairs = gradients.map((got, i) => [got, plain[i + 1]!] as const);
    // Those of q and k may cancel, and are judged beside that of v.
    return difference("the output", [[y!, plain[0]!]], forward) ??
      difference("the gradients of q, k and v", pairs.slice(0, 3), gradient) ??
      pairs.slice(3).reduce<string | null>(
        (wrong, pair, i) =>
          wrong ?? difference(
            `the gradient of ${small.names[i + 3]}`,
            [pair],
            gradient,
          ),
        null,
      );
  };
  return {
    candidate: (name, tuning) => {
      const prepare = () =>
        useBackend({ prefer: [backend], tuning: asTuning(tuning) });
      return {
        name,
        check: async () => {
          await prepare();
          return await check();
        },
        run: async () => {
          await prepare();
          return await timeTensors(() => run(large));
        },
      };
    },
    close: () => {
      for (const { inputs, dy } of [small, large]) tf.dispose([...inputs, dy]);
    },
  };
}

interface Problem {
  readonly names: readonly string[];
  readonly inputs: tf.Tensor[];
  readonly dy: tf.Tensor;
}

function problemOf(family: Family, sizes: Sizes): Problem {
  const given = family.inputs(sizes);
  const { shape, values } = given[2]!;
  return {
    names: given.map(({ name }) => name),
    inputs: given.map(tensorOf),
    dy: tf.tensor(array(values.length, uniform(7)), shape),
  };
}

function tensorOf({ values, shape }: Input): tf.Tensor {
  return tf.tensor(values, shape);
}
