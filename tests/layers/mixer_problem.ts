/** Problems of mixers, as layers call them. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type Mixer,
  type MixerCall,
  WHOLE_SEQUENCE,
} from "../../lib/layers/mod.ts";
import { outputAndGradients, type Result, shaped } from "../comparison.ts";
import type { MixerProblem } from "../mixer_oracles.ts";
import { array, uniform } from "../random.ts";

/** A call without a mask, of tokens on both sides. */
export const CALL: MixerCall = {
  ...{ mask: undefined, segments: undefined, causal: false, reversed: false },
  ...{ form: "auto", chunkSize: undefined, training: false, epsilon: 1e-6 },
  sequence: WHOLE_SEQUENCE,
};

/** Seeded numbers for a mixer, and for its parameters those that `make` gives. */
export function problemOf(
  mixer: Mixer,
  [batch, length, dim]: readonly [number, number, number],
  seed: number,
  make: (u: number, name: string) => number = (u) => 2 * u - 1,
): MixerProblem {
  const random = uniform(seed);
  const x = array(batch * length * dim, random);
  const parameters = mixer.parameters([batch, length, dim])
    .map(({ name, shape }) => {
      const size = tf.util.sizeFromShape([...shape]);
      return [name, array(size, random, (u) => make(u, name))];
    });
  return {
    ...{ batch, length, dim },
    inputs: { x, ...Object.fromEntries(parameters) },
    dy: array(x.length, random),
  };
}

/** The output of a mixer, and its gradients. */
export function run(
  mixer: Mixer,
  { batch, length, dim, inputs, dy }: MixerProblem,
  causal: boolean,
): Promise<Result> {
  const shape = [batch, length, dim];
  const shapes = new Map(
    mixer.parameters(shape).map(({ name, shape }) => [name, shape as number[]]),
  );
  return outputAndGradients(
    shaped(inputs, (name) => shapes.get(name) ?? shape),
    { values: dy, shape },
    {},
    ({ x, ...parameters }) =>
      mixer.apply(
        x as tf.Tensor3D,
        (name) => parameters[name]!,
        { ...CALL, causal },
      ),
  );
}
