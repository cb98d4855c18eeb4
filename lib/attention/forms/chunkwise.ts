/**
 * The chunkwise form of LION: full attention inside a chunk, a recurrence between
 * chunks.
 *
 * A good file to begin with: the recurrent form is this one with chunks of one
 * token, the full form is this one with a single chunk, and the kernels compute
 * what this file says, chunk by chunk.
 *
 * LION's attention is y_i = Σ_j M_ij (q_i · k_j) v_j. The mask entry M_ij is the
 * product of the decays on the path from token j to token i: with the log decays f_i
 * of the forward direction on arriving at token i, and b_i of the backward direction,
 * it is (`decays/mask.ts`)
 *
 *     M_ij = exp(f_{j+1} + … + f_i)  for i > j
 *     M_ij = 1                       for i = j
 *     M_ij = exp(b_i + … + b_{j-1})  for i < j
 *
 * Cut the sequence into chunks. If j and i > j are in different chunks, the path
 * consists of three parts, and so does the exponent:
 *
 *     from j to the end of its chunk        decayToEnd of j
 *     through each chunk in between         chunkDecay of that chunk
 *     from the start of i's chunk to i      decayFromStart of i
 *
 * So a token need not know the tokens of other chunks. One matrix stands for all
 * that come before, the state H, `[headDim, valueDim]`: each chunk writes
 * Σ_j exp(decayToEnd_j) k_j v_jᵀ into it, and H decays by chunkDecay on its way
 * through a chunk. A second state, T, comes from the right, with b instead of f, and
 * stands for all that come after.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { isDiagonal, weighted } from "../decays/decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { mask } from "../decays/mask.ts";
import { decayedScores } from "./decayed_scores.ts";
import type { Form } from "./form.ts";

/**
 * The chunkwise form: inside a chunk of tokens s..t, the masked product of the full
 * form; for all other chunks, one state per direction, H before the chunk and T after it:
 *
 *     y_i = Σ_{j in chunk} M_ij (q_i · k_j) v_j
 *         + exp(f_s + … + f_i) q_iᵀ H + exp(b_i + … + b_t) q_iᵀ T
 *
 * Linear in the length, and parallel over chunks: nothing loops over tokens. No
 * exponent is above 0, since all log decays are at most 0.
 *
 * Source: ours, after the chunked forms of causal linear attention (GLA,
 * Mamba-2), with the paper's mask in both directions.
 */
export const chunkwise: Form = (q, k, v, pair, chunkSize) => {
  if (pair === null) {
    // Without decay, every token reads the same state: the sum over all tokens.
    return tf.matMul(q, tf.matMul(k, v, true));
  }
  const [batch, heads, length] = q.shape;
  const size = Math.min(chunkSize, length);
  const count = Math.ceil(length / size);
  const cut = <T extends tf.Tensor>(x: T) => cutIntoChunks(x, count, size);
  const queries = cut(q), keys = cut(k), values = cut(v);
  const forward: tf.Tensor = cut<tf.Tensor>(pair.forward);
  const backward = pair.backward && cut<tf.Tensor>(pair.backward);

  // Intra-chunk: the pairs of tokens of the same chunk.
  const decays = { forward, backward };
  const scores = isDiagonal(pair)
    ? decayedScores(queries, keys, decays)
    : tf.mul(tf.matMul(queries, keys, false, true), mask(decays, size));
  let y: tf.Tensor = tf.matMul(scores, values);

  // Inter-chunk: what tokens read from the states.
  if (count > 1) {
    const chunks = { queries, keys, values, heads };
    y = tf.add(y, readState("before", chunks, forward));
    if (backward) y = tf.add(y, readState("after", chunks, backward));
  }
  const whole = tf.reshape(y, [batch, heads, count * size, v.shape[3]]);
  return tf.slice(whole, [0, 0, 0, 0], [-1, -1, length, -1]) as tf.Tensor4D;
};

/**
 * Cuts `[batch, heads, length, ...]` into `[batch, heads · count, size, ...]`:
 * each chunk of a head becomes a short sequence. Tokens that fill up the last
 * chunk are zeros, keys of 0 with a decay of 1, so they change no state.
 */
function cutIntoChunks<T extends tf.Tensor>(
  x: T,
  count: number,
  size: number,
): T {
  const [batch, heads, length, ...columns] = x.shape;
  const missing = count * size - length!;
  const none = columns.map((): [number, number] => [0, 0]);
  const filled = missing
    ? tf.pad(x, [[0, 0], [0, 0], [0, missing], ...none])
    : x;
  return tf.reshape(filled, [batch!, heads! * count, size, ...columns]) as T;
}

/** The tensors of all chunks, `[batch, heads · count, size, columns]` each. */
interface Chunks {
  readonly queries: tf.Tensor4D;
  readonly keys: tf.Tensor4D;
  readonly values: tf.Tensor4D;
  /** The number of heads; the rest of the second axis are their chunks. */
  readonly heads: number;
}

/** The side from which a state reaches a chunk: the tokens before it, or those after. */
type Side = "before" | "after";

/**
 * Computes what each token reads from all chunks before its own, exp(f_s + … + f_i) q_iᵀ H,
 * or from all chunks after it, exp(b_i + … + b_t) q_iᵀ T.
 *
 * @param logDecay The log decays of that direction,
 * `[batch or 1, heads · count, size]`, or `[batch, heads · count, size, headDim]`.
 * @returns `[batch, heads · count, size, columns]`
 */
function readState(
  side: Side,
  { queries, keys, values, heads }: Chunks,
  logDecay: tf.Tensor,
): tf.Tensor4D {
  // Start and end are meant in the state's direction. Each is summed on its own, since
  // the total minus the other would cancel.
  const isReversed = side === "after";
  const decayFromStart = tf.cumsum(logDecay, 2, false, isReversed);
  const decayToEnd = tf.cumsum(logDecay, 2, true, !isReversed);
  const chunkDecay = tf.sum(logDecay, 2);

  const written = tf.matMul(weighted(keys, decayToEnd), values, true);
  const states = statesOf(side, chunkDecay, written as tf.Tensor4D, heads);
  return tf.matMul(weighted(queries, decayFromStart), states);
}

/**
 * The state that reaches each chunk from one side.
 *
 * @param chunkDecay `[batch or 1, heads · count]`, or
 * `[batch, heads · count, headDim]` where each row of the state has its own.
 * @param written What each chunk adds, `[batch, heads · count, headDim, columns]`.
 * @returns The shape of `written`.
 */
function statesOf(
  side: Side,
  chunkDecay: tf.Tensor,
  written: tf.Tensor4D,
  heads: number,
): tf.Tensor4D {
  const [batch, chunks, headDim, columns] = written.shape;
  const sequences = batch * heads, count = chunks / heads;
  if (chunkDecay.rank === 2) {
    const states = exclusiveScan(
      side,
      tf.reshape(spread(chunkDecay, [batch, chunks]), [sequences, count]),
      tf.reshape(written, [sequences, count, headDim * columns]),
    );
    return tf.reshape(states, written.shape);
  }
  // With diagonal decays, each row of the state is a sequence by itself.
  const byRow = (x: tf.Tensor, size: number): tf.Tensor3D => {
    const byChunk = tf.reshape(x, [sequences, count, headDim, size]);
    const rows = tf.transpose(byChunk, [0, 2, 1, 3]);
    return tf.reshape(rows, [sequences * headDim, count, size]);
  };
  const states = exclusiveScan(
    side,
    tf.squeeze(byRow(chunkDecay, 1), [2]),
    byRow(written, columns),
  );
  const rows = tf.reshape(states, [sequences, headDim, count, columns]);
  return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), written.shape);
}

/** The most chunks that are summed by one product with their mask. */
const LARGEST_GROUP = 32;

/**
 * The sum of what all chunks on one side wrote, each decayed by the chunks
 * between.
 *
 * Chunks are to this function what tokens are to attention, so it works the
 * same way: a masked product within groups of chunks, and a recursive call
 * between groups.
 *
 * @param logDecay `[sequences, count]`, for passing through each chunk.
 * @param written `[sequences, count, size]`, what each chunk adds.
 * @returns `[sequences, count, size]`
 */
function exclusiveScan(
  side: Side,
  logDecay: tf.Tensor2D,
  written: tf.Tensor3D,
): tf.Tensor3D {
  return shift(side, inclusiveScan(side, logDecay, written));
}

/** The sum of {@linkcode exclusiveScan} plus what the chunk itself wrote. */
function inclusiveScan(
  side: Side,
  logDecay: tf.Tensor2D,
  written: tf.Tensor3D,
): tf.Tensor3D {
  const [sequences, count, size] = written.shape;
  const groupSize = Math.min(LARGEST_GROUP, count);
  const groups = Math.ceil(count / groupSize);
  const missing = groups * groupSize - count;
  const decays: tf.Tensor2D = tf.reshape(
    tf.pad(logDecay, [[0, 0], [0, missing]]),
    [sequences * groups, groupSize],
  );
  const writes: tf.Tensor3D = tf.reshape(
    missing ? tf.pad(written, [[0, 0], [0, missing], [0, 0]]) : written,
    [sequences * groups, groupSize, size],
  );
  const weights = side === "before"
    ? mask({ forward: decays, backward: null }, groupSize)
    : mask({ forward: null, backward: decays }, groupSize);
  let states = tf.matMul(weights, writes) as tf.Tensor3D;
  if (groups > 1) {
    const last = side === "before" ? groupSize - 1 : 0;
    const groupStates = exclusiveScan(
      side,
      tf.reshape(tf.sum(decays, 1), [sequences, groups]),
      tf.reshape(
        tf.slice(states, [0, last, 0], [-1, 1, -1]),
        [sequences, groups, size],
      ),
    );
    const decayFromStart = tf.cumsum(decays, 1, false, side === "after");
    states = tf.add(
      states,
      tf.mul(
        tf.exp(tf.expandDims(decayFromStart, 2)),
        tf.reshape(groupStates, [sequences * groups, 1, size]),
      ),
    );
  }
  const whole = tf.reshape(states, [sequences, groups * groupSize, size]);
  return tf.slice(whole, [0, 0, 0], [-1, count, -1]) as tf.Tensor3D;
}

/** Moves states one chunk on in their direction; the first chunk gets zero. */
function shift(side: Side, states: tf.Tensor3D): tf.Tensor3D {
  const count = states.shape[1];
  const from = side === "before" ? 0 : 1;
  const kept = tf.slice(states, [0, from, 0], [-1, count - 1, -1]);
  const pads: [number, number] = side === "before" ? [1, 0] : [0, 1];
  return tf.pad(kept, [[0, 0], pads, [0, 0]]) as tf.Tensor3D;
}
