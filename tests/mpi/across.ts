/** What ranks that share the tokens compute, beside what one process does. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { MpiCommunicator } from "../../lib/mpi/mod.ts";
import type { ContextGroup } from "../../mod.ts";

/** Largest error, relative to the largest number of an array, or to 1. */
const TOLERANCE = 1e-5;

/** Numbers of a whole sequence. */
export interface Numbers {
  readonly values: Float32Array;
  /** `[batch, length]` or `[batch, heads, length, …]`; `[heads]` has no tokens. */
  readonly shape: number[];
}

function axisOf(shape: readonly number[]): number {
  return shape.length === 2 ? 1 : 2;
}

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** A function of a sequence, and what it is given. */
export interface Problem {
  readonly length: number;
  /** Differentiable. */
  readonly inputs: Readonly<Record<string, Numbers>>;
  readonly constants: Readonly<Record<string, Numbers>>;
  /** Computed by this process alone without ranks. */
  run(inputs: Tensors, constants: Tensors, ranks?: ContextGroup): tf.Tensor;
}

/** Ranks whose traffic is counted. */
function counted(
  ranks: ContextGroup,
): ContextGroup & { readonly sent: () => number } {
  let sent = 0;
  return {
    rank: ranks.rank,
    size: ranks.size,
    exchange(values, peers, about) {
      if (peers.to !== undefined) sent += values.byteLength;
      return ranks.exchange(values, peers, about);
    },
    sent: () => sent,
  };
}

/** This rank's tokens, in an order that leaves no two ranks' shares more than one apart. */
export function tokensOf(
  { rank, size }: Pick<ContextGroup, "rank" | "size">,
  length: number,
): { readonly start: number; readonly count: number } {
  const start = Math.floor(length * rank / size);
  return { start, count: Math.floor(length * (rank + 1) / size) - start };
}

/**
 * Fails unless outputs and gradients of all ranks are those of one process, and
 * no tensor is left.
 *
 * @returns The bytes that the rank which sends most has sent.
 */
export async function assertSameAcross(
  mpi: MpiCommunicator,
  { length, inputs, constants, run }: Problem,
  name: string,
): Promise<number> {
  const before = tf.memory().numTensors;
  const { start, count } = tokensOf(mpi, length);
  const own = (x: tf.Tensor) => {
    if (x.rank === 1) return tf.clone(x);
    const axis = axisOf(x.shape);
    const begin = x.shape.map((_, i) => i === axis ? start : 0);
    return tf.slice(x, begin, x.shape.map((_, i) => i === axis ? count : -1));
  };
  const tensors = (all: Readonly<Record<string, Numbers>>) =>
    Object.fromEntries(
      Object.entries(all).map(([name, { values, shape }]) => [
        name,
        tf.tensor(values, shape),
      ]),
    );
  const slices = (all: Tensors) =>
    Object.fromEntries(Object.entries(all).map(([name, x]) => [name, own(x)]));
  const names = Object.keys(inputs);
  /** A loss of which each output has another gradient. */
  const differentiated = (
    xs: Tensors,
    constants: Tensors,
    weights: tf.Tensor | undefined,
    ranks?: ContextGroup,
  ) => {
    let y: tf.Tensor | undefined;
    const { grads } = tf.valueAndGrads((...xs) => {
      const named = Object.fromEntries(xs.map((x, i) => [names[i]!, x]));
      y = tf.keep(run(named, constants, ranks));
      kept.push(y);
      const places = weights ?? tf.cos(tf.range(0, y.size));
      return tf.sum(tf.mul(y, tf.reshape(places, y.shape)));
    })(names.map((name) => xs[name]!));
    return { y: y!, grads };
  };
  const ranks = counted(mpi);
  const kept: tf.Tensor[] = [];
  const { whole, part } = tf.tidy(() => {
    const xs = tensors(inputs), others = tensors(constants);
    const whole = differentiated(xs, others, undefined);
    const places = tf.reshape(
      tf.cos(tf.range(0, whole.y.size)),
      whole.y.shape,
    );
    const part = differentiated(slices(xs), slices(others), own(places), ranks);
    return {
      whole: [own(whole.y), ...whole.grads.map(own)],
      part: [tf.clone(part.y), ...part.grads],
    };
  });
  for (const [i, expected] of whole.entries()) {
    const what = `${name}: ${i === 0 ? "y" : `d${names[i - 1]}`}`;
    assertEquals(part[i]!.shape, expected.shape, what);
    const actual = await part[i]!.data<"float32">();
    // What no rank has a part of has a part of its gradient on each.
    const isShared = expected.rank === 1;
    if (isShared) await mpi.allreduce(actual);
    const values = await expected.data<"float32">();
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    for (const [at, value] of values.entries()) {
      const error = Math.abs(actual[at]! - value) / largest;
      assert(
        error <= TOLERANCE,
        `${what}: ${actual[at]} at ${at}, not ${value}`,
      );
    }
  }
  tf.dispose([...whole, ...part, ...kept]);
  assertEquals(tf.memory().numTensors, before, `${name}: tensors`);
  const [most] = await mpi.allreduce(Int32Array.of(ranks.sent()), "max");
  return most!;
}
