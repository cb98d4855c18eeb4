/** The chunkwise form: full inside a chunk, recurrent between chunks. @module */
import * as tf from "@tensorflow/tfjs-core";
import { spread } from "../decays/decay_pair.ts";
import { decayedScores } from "./decayed_scores.ts";
import type { Form } from "./form.ts";
import { isDiagonal } from "../decays/decay_pair.ts";
import { mask } from "../decays/mask.ts";

/**
 * Inside a chunk of tokens s..t, the masked product of the full form; from all
 * other chunks, one state per side, H before the chunk and T after it:
 *
 *     Y_i = Σ_{j in chunk} M_ij (q_i · k_j) v_j
 *         + exp(f_s + … + f_i) q_iᵀ H + exp(b_i + … + b_t) q_iᵀ T
 *
 * Linear in the length, and parallel over chunks: nothing loops over tokens. No
 * exponent is above 0.
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
  const padding = count * size - length;

  // [batch, heads · count, size, …]: each chunk of a head is a short sequence.
  // Padding tokens have k = 0 and decay 1, so they change no state.
  const chunks = (x: tf.Tensor): tf.Tensor4D => {
    const padded = padding
      ? tf.pad(x, [[0, 0], [0, 0], [0, padding], [0, 0]])
      : x;
    return tf.reshape(padded, [x.shape[0]!, heads * count, size, x.shape[3]!]);
  };
  const chunkDecays = (x: tf.Tensor): tf.Tensor =>
    x.rank === 4 ? chunks(x) : tf.squeeze(chunks(tf.expandDims(x, 3)), [3]);

  const [queries, keys, values] = [chunks(q), chunks(k), chunks(v)];
  const forward = chunkDecays(pair.forward);
  const backward = pair.backward && chunkDecays(pair.backward);

  const sides = { forward, backward };
  const scores = isDiagonal(pair)
    ? decayedScores(queries, keys, sides)
    : tf.mul(tf.matMul(queries, keys, false, true), mask(sides, size));
  let y: tf.Tensor = tf.matMul(scores, values);
  if (count > 1) {
    const read = (side: Side, logDecay: tf.Tensor) =>
      readOthers(side, queries, keys, values, logDecay, heads);
    y = tf.add(y, read("before", forward));
    if (backward) y = tf.add(y, read("after", backward));
  }
  const whole = tf.reshape(y, [batch, heads, count * size, v.shape[3]]);
  return tf.slice(whole, [0, 0, 0, 0], [-1, -1, length, -1]) as tf.Tensor4D;
};

/**
 * What each token reads from all chunks before (or after) its own.
 *
 * @param logDecay `[batch, groups, size]`, or `[batch, groups, size, headDim]`.
 */
function readOthers(
  side: Side,
  queries: tf.Tensor4D,
  keys: tf.Tensor4D,
  values: tf.Tensor4D,
  logDecay: tf.Tensor,
  heads: number,
): tf.Tensor4D {
  const [batch, groups, , headDim] = queries.shape;
  const columns = values.shape[3];
  const fromRight = side === "after";
  // From the chunk's border to the token, and from the token to the other
  // border. Each is summed by itself: the total minus the other would cancel.
  const entering = tf.cumsum(logDecay, 2, false, fromRight);
  const leaving = tf.cumsum(logDecay, 2, true, !fromRight);
  const through = tf.sum(logDecay, 2);

  const isDiagonal = logDecay.rank === 4;
  const weighted = (x: tf.Tensor4D, logWeight: tf.Tensor) => {
    const weight = isDiagonal ? logWeight : tf.expandDims(logWeight, 3);
    return tf.mul(x, tf.exp(weight)) as tf.Tensor4D;
  };
  const written = tf.matMul(weighted(keys, leaving), values, true);
  const count = groups / heads;
  const sequences = batch * heads;
  // With one decay per row of the state, each row is a separate sequence.
  const rows = isDiagonal ? headDim : 1;
  const turned = (x: tf.Tensor, [first, second]: [number, number]) => {
    const size = x.size / (sequences * first * second);
    const apart = tf.reshape(x, [sequences, first, second, size]);
    return rows === 1 ? apart : tf.transpose(apart, [0, 2, 1, 3]);
  };
  const states = carry(
    side,
    tf.reshape(
      turned(
        isDiagonal ? through : spread(through, [batch, groups]),
        [count, rows],
      ),
      [-1, count],
    ),
    tf.reshape(
      turned(written, [count, rows]),
      [sequences * rows, count, headDim * columns / rows],
    ),
  );
  return tf.matMul(
    weighted(queries, entering),
    tf.reshape(turned(states, [rows, count]), [
      batch,
      groups,
      headDim,
      columns,
    ]),
  );
}

type Side = "before" | "after";

/** Up to this many chunks are carried by one product with their mask. */
const CARRIED_AT_ONCE = 32;

/**
 * The state that reaches each chunk from one side: the sum of what the chunks
 * there wrote, each decayed by the chunks between.
 *
 * Chunks are to this function what tokens are to attention, so it works the
 * same way: a masked product within groups of chunks, and a recursive call
 * between groups.
 *
 * @param logDecay `[sequences, count]`, for passing through each chunk.
 * @param written `[sequences, count, size]`, what each chunk adds.
 * @returns `[sequences, count, size]`
 */
function carry(
  side: Side,
  logDecay: tf.Tensor2D,
  written: tf.Tensor3D,
): tf.Tensor3D {
  return shift(side, accumulate(side, logDecay, written));
}

/** Like {@linkcode carry}, but includes what the chunk itself wrote. */
function accumulate(
  side: Side,
  logDecay: tf.Tensor2D,
  written: tf.Tensor3D,
): tf.Tensor3D {
  const [sequences, count, size] = written.shape;
  const groupSize = Math.min(CARRIED_AT_ONCE, count);
  const groups = Math.ceil(count / groupSize);
  const padding = groups * groupSize - count;
  const decays: tf.Tensor2D = tf.reshape(
    tf.pad(logDecay, [[0, 0], [0, padding]]),
    [sequences * groups, groupSize],
  );
  const writes: tf.Tensor3D = tf.reshape(
    padding ? tf.pad(written, [[0, 0], [0, padding], [0, 0]]) : written,
    [sequences * groups, groupSize, size],
  );
  const weights = side === "before"
    ? mask({ forward: decays, backward: null }, groupSize)
    : mask({ forward: null, backward: decays }, groupSize);
  let states = tf.matMul(weights, writes) as tf.Tensor3D;
  if (groups > 1) {
    const last = side === "before" ? groupSize - 1 : 0;
    const ofGroups = carry(
      side,
      tf.reshape(tf.sum(decays, 1), [sequences, groups]),
      tf.reshape(
        tf.slice(states, [0, last, 0], [-1, 1, -1]),
        [sequences, groups, size],
      ),
    );
    const entering = tf.cumsum(decays, 1, false, side === "after");
    states = tf.add(
      states,
      tf.mul(
        tf.exp(tf.expandDims(entering, 2)),
        tf.reshape(ofGroups, [sequences * groups, 1, size]),
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
