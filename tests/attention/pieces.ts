/** Sequences that come in pieces, for tests. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  causalPair,
  type LogDecayPair,
  logDecayPair,
} from "../../lib/attention/decays/decay_pair.ts";
import type { DiagonalDecayPair } from "../../lib/attention/decays/decay_pair.ts";
import {
  attendWithState,
  passState,
  type WithStateOptions,
} from "../../lib/attention/planning/with_state.ts";
import type { Problem } from "../oracle.ts";
import { type Case, decayOf } from "./cases.ts";

/** A problem's tensors. */
export function tensorsOf(
  { batch, heads, length, headDim, valueDim, ...p }: Problem,
) {
  const decays = Object.entries(p.decay).filter(([name]) => name !== "kind");
  return {
    q: tf.tensor4d(p.q, [batch, heads, length, headDim]),
    k: tf.tensor4d(p.k, [batch, heads, length, headDim]),
    v: tf.tensor4d(p.v, [batch, heads, length, valueDim]),
    decays: decays.map(([, x]) =>
      tf.tensor(
        x as Float32Array,
        p.decay.kind === "fixed" ? [heads] : [batch, heads, length],
      )
    ),
    tokens: p.mask && tf.tensor2d(p.mask, [batch, length]),
  };
}

/** A problem's options. */
export function optionsOf(
  { causal, scale, normalize, epsilon }: Problem,
): WithStateOptions {
  return { causal, scale, normalize, epsilon };
}

/** A case's log decays, of causal attention where it is. */
export function pairOf(
  { decay, batch, heads, length, causal }: Case,
  decays: tf.Tensor[],
): LogDecayPair | null {
  const pair = logDecayPair(decayOf(decay, decays), [batch, heads, length]);
  return causal ? causalPair(pair, [heads, length]) : pair;
}

/** Attention of a sequence in pieces: from the right for the states there, then from the left. */
export function inPieces(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  lengths: readonly number[],
  options: WithStateOptions,
): tf.Tensor4D {
  const starts = lengths.map((_, i) =>
    lengths.slice(0, i).reduce((sum, length) => sum + length, 0)
  );
  const cut = <T extends tf.Tensor>(x: T, i: number) =>
    tf.slice(x, [0, 0, starts[i]!], [-1, -1, lengths[i]!]) as T;
  const pieces = lengths.map((length, i) => ({
    q: cut(q, i),
    k: cut(k, i),
    v: cut(v, i),
    pair: pair && {
      forward: cut<tf.Tensor>(pair.forward, i),
      backward: pair.backward && cut<tf.Tensor>(pair.backward, i),
    } as LogDecayPair | DiagonalDecayPair,
    tokens: options.tokens &&
      tf.slice(options.tokens, [0, starts[i]!], [-1, length]),
  }));
  const afters: (tf.Tensor4D | undefined)[] = [];
  let after: tf.Tensor4D | undefined;
  for (const piece of pieces.toReversed()) {
    afters.unshift(after);
    if (options.causal) continue;
    after = passState(
      piece.k,
      piece.v,
      piece.pair,
      "after",
      after,
      piece.tokens,
    );
  }
  let before: tf.Tensor4D | undefined;
  const answers = pieces.map((piece, i) => {
    const answer = attendWithState(piece.q, piece.k, piece.v, piece.pair, {
      ...options,
      tokens: piece.tokens,
      before,
      after: afters[i],
    });
    before = answer.forward;
    return answer.y;
  });
  return tf.concat(answers, 2);
}

/** Throws unless a result is the float64 one, to the backend's accuracy. */
export async function assertClose(
  name: string,
  got: tf.Tensor,
  wanted: Float64Array,
  tolerance: number,
  largest = Math.max(...wanted.map(Math.abs)),
): Promise<void> {
  const values = await got.data();
  assertEquals(values.length, wanted.length, name);
  const error = Math.max(...wanted.map((x, i) => Math.abs(x - values[i]!)));
  assert(error <= tolerance * largest, `${name}: error ${error / largest}`);
}
