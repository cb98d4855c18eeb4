/**
 * A long sequence read in both directions, piece by piece: a sweep from its end
 * leaves a state between each two pieces, and one from its beginning attends.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { softmaxAttention } from "@lionjs/lion";
import {
  attendWithState,
  passState,
} from "../../lib/attention/planning/with_state.ts";
import type { Point, Reading } from "./calls.ts";
import { LongSequence } from "./sequence.ts";
import { HEAD_DIM, PIECE } from "./sizes.ts";

/** The least milliseconds from which the time of more tokens is estimated. */
const ENOUGH = 40;

const SETTINGS = {
  causal: false,
  normalize: true,
  scale: 1 / Math.sqrt(HEAD_DIM),
  epsilon: 1e-6,
} as const;

/** The largest difference from the formula, as a part of the largest value. */
const TOLERANCE = 1e-3;

/**
 * Reads a sequence of so many tokens, and compares rows of the output with the formula.
 *
 * @param onProgress Called with the part that is done, 0 to 1.
 * @param piece Tokens of a piece at most.
 * @throws {Error} If a row is not what the formula gives.
 */
export async function readLong(
  length: number,
  onProgress: (done: number) => void,
  piece: number = PIECE,
): Promise<Reading> {
  const sequence = new LongSequence(length, piece);
  const { pieces } = sequence;
  const checked = checkedTokens(sequence);
  const rows = new Map<number, Float32Array>();
  const after: (tf.Tensor4D | undefined)[] = [];
  let before: tf.Tensor4D | undefined;
  let done = 0;
  const advance = () => onProgress(++done / (2 * pieces - 1));
  try {
    const start = performance.now();
    for (let index = pieces - 1; index > 0; index--) {
      after[index - 1] = tf.tidy(() => {
        const { k, v, pair } = sequence.piece(index);
        return passState(k, v, pair, "after", after[index]);
      });
      await finish(after[index - 1]!);
      advance();
    }
    for (let index = 0; index < pieces; index++) {
      const { y, forward } = tf.tidy(() => {
        const { q, k, v, pair } = sequence.piece(index);
        const outer = { before, after: after[index] };
        const { y, forward } = attendWithState(q, k, v, pair, {
          ...SETTINGS,
          ...outer,
        });
        return { y, forward };
      });
      tf.dispose(before);
      before = forward;
      await finish(y);
      for (const token of checked) {
        const [own, row] = sequence.placeOf(token);
        if (own === index) rows.set(token, await rowOf(y, row));
      }
      y.dispose();
      advance();
    }
    const milliseconds = performance.now() - start;
    const difference = Math.max(
      ...[...rows].map(([token, row]) =>
        differenceOf(
          row,
          sequence.plainRow(token, SETTINGS.scale, SETTINGS.epsilon),
        )
      ),
    );
    if (!(difference < TOLERANCE)) {
      throw new Error(
        `a row should be what the formula gives, got a difference of ${difference}`,
      );
    }
    return { milliseconds, checked: rows.size, difference };
  } finally {
    sequence.dispose();
    tf.dispose([before, ...after]);
  }
}

/** How long softmax attention takes: at lengths that double until it takes long enough. */
export async function timeSoftmax(
  longest: number,
): Promise<Point[]> {
  const times: Point[] = [];
  for (let length = 1024; length <= longest; length *= 2) {
    const sequence = new LongSequence(length);
    const { q, k, v } = tf.tidy(() => {
      const { q, k, v } = sequence.piece(0);
      return { q, k, v };
    });
    const run = async () => {
      const start = performance.now();
      const y = softmaxAttention(q, k, v);
      await finish(y);
      y.dispose();
      return performance.now() - start;
    };
    try {
      // The first compiles.
      await run();
      const runs = [await run(), await run(), await run()];
      const milliseconds = Math.min(...runs);
      times.push({ length, milliseconds });
      if (milliseconds > ENOUGH) break;
    } finally {
      tf.dispose([q, k, v]);
      sequence.dispose();
    }
  }
  return times;
}

/** The first and last tokens, and those on both sides of a border in the middle. */
function checkedTokens(sequence: LongSequence): Set<number> {
  const { length } = sequence;
  return new Set([0, length / 2 - 1, length / 2, length - 1]);
}

/** Waits for a result by reading one number. */
async function finish(result: tf.Tensor): Promise<void> {
  const corner = tf.tidy(() => tf.slice(tf.reshape(result, [-1]), [0], [1]));
  await corner.data();
  corner.dispose();
}

async function rowOf(y: tf.Tensor4D, row: number): Promise<Float32Array> {
  const part = tf.slice(y, [0, 0, row, 0], [1, 1, 1, HEAD_DIM]);
  const values = await part.data<"float32">();
  part.dispose();
  return values;
}

function differenceOf(row: Float32Array, plain: Float64Array): number {
  const largest = Math.max(...plain.map(Math.abs));
  const differences = plain.map((value, i) => Math.abs(value - row[i]!));
  return Math.max(...differences) / largest;
}
