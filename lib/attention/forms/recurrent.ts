/** The recurrent form: attention as two RNNs, one in each direction. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type Differentiable,
  type Form,
  formInputs,
  recomputed,
} from "./form.ts";

/**
 * The recurrent form: two sweeps, each with one state S `[headDim, columns]`:
 *
 *     S_i = e^{f_i} S_{i-1} + k_i v_iᵀ     y_i  = q_iᵀ S_i
 *     S_i = e^{b_i} S_{i+1} + k_i v_iᵀ     y_i += e^{b_i} q_iᵀ S_{i+1}
 *
 * Linear in the length. The forward sweep counts a token's own k_i v_iᵀ and the
 * backward sweep does not; the theorem takes half of it from each, which gives
 * the same and costs more. The gradient keeps one state for every √length
 * tokens and recomputes those between.
 *
 * Source: LION (arXiv:2502.16249), Theorem 3.1, LION-RNN; with diagonal decays, one
 * per row of S, Theorem B.2.
 */
export const recurrent: Form = (q, k, v, pair) => {
  const [, , , forward, backward] = formInputs(q, k, v, pair);
  const run = (direction: Direction, logDecay: tf.Tensor | undefined) =>
    recomputed(logDecay ? [q, k, v, logDecay] : [q, k, v], sweep(direction));
  const past = run("forward", forward);
  const causal = pair !== null && pair.backward === null;
  return (causal
    ? past
    : tf.add(past, run("backward", backward))) as tf.Tensor4D;
};

type Direction = "forward" | "backward";

/** The inputs of a sweep at one token, vectors as `[batch, heads, 1, size]`. */
interface Token {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
  /** The decay, `[batch, heads, 1 or headDim, 1]`, or `undefined` without decay. */
  readonly decay: tf.Tensor | undefined;
}

/** The states just before and just after a token is written; undefined means zero. */
type Visit = {
  readonly before: tf.Tensor | undefined;
  readonly after: tf.Tensor;
};

/** The tokens in the order in which a sweep visits them. */
function tokensOf(inputs: tf.Tensor[], direction: Direction): Token[] {
  const [q, k, v, logDecay] = inputs;
  const perToken = (x: tf.Tensor) =>
    inOrder(tf.split(x, x.shape[2]!, 2), direction);
  const [qs, ks, vs] = [q!, k!, v!].map(perToken);
  const decays = logDecay && perToken(tf.exp(logDecay)).map((x) => {
    const [batch, heads, , channels = 1] = x.shape;
    return tf.reshape(x, [batch!, heads!, channels, 1]);
  });
  return qs!.map((q, i) => ({ q, k: ks![i]!, v: vs![i]!, decay: decays?.[i] }));
}

/** Turns a list from token order into a sweep's order, or back. */
function inOrder<T>(list: T[], direction: Direction): T[] {
  return direction === "forward" ? list : list.toReversed();
}

function visit(state: tf.Tensor | undefined, { k, v, decay }: Token): Visit {
  return tf.tidy(() => {
    const before = state && decay ? tf.mul(state, decay) : state;
    const written = tf.matMul(k, v, true);
    return { before, after: before ? tf.add(before, written) : written };
  });
}

function sweep(direction: Direction): Differentiable {
  // The state that a token reads: after its own write in the forward sweep, else before it.
  const read = direction === "forward" ? "after" : "before";

  return {
    forward: (inputs) => {
      let state: tf.Tensor | undefined;
      const outputs = tokensOf(inputs, direction).map((token) => {
        const [after, output] = tf.tidy(() => {
          const visited = visit(state, token);
          return [visited.after, product(token.q, visited[read], token.v)];
        });
        state?.dispose();
        state = after!;
        return output!;
      });
      return tf.concat(inOrder(outputs, direction), 2);
    },

    backward: (inputs, gradient) => {
      const tokens = tokensOf(inputs, direction);
      const gradients = inOrder(
        tf.split(gradient, tokens.length, 2),
        direction,
      );
      const span = Math.ceil(Math.sqrt(tokens.length));
      const checkpoints: (tf.Tensor | undefined)[] = [];
      let state: tf.Tensor | undefined;
      tokens.forEach((token, i) => {
        const kept = i % span === 0;
        if (kept) checkpoints.push(state);
        const after = tf.tidy(() => visit(state, token).after);
        if (!kept) state?.dispose();
        state = after;
      });

      // The gradient of the state after the token, from the tokens visited
      // later.
      let dState: tf.Tensor | undefined;
      const results: tf.Tensor[][] = [];
      for (
        const [index, checkpoint] of [...checkpoints.entries()].reverse()
      ) {
        const start = index * span;
        const visits: Visit[] = [];
        for (const token of tokens.slice(start, start + span)) {
          const previous: tf.Tensor | undefined = visits.at(-1)?.after ??
            checkpoint;
          visits.push(visit(previous, token));
        }
        for (const [offset, visited] of [...visits.entries()].reverse()) {
          const { q, k, v, decay } = tokens[start + offset]!;
          const dy = gradients[start + offset]!;
          const [earlier, ...dInputs] = tf.tidy(() => {
            const dRead = tf.matMul(q, dy, true);
            const dBefore = dState ? tf.add(dState, dRead) : dRead;
            const dAfter = read === "after" ? dBefore : dState;
            const dLogDecay = tf.sum(
              visited.before
                ? tf.mul(visited.before, dBefore)
                : tf.zerosLike(dBefore),
              // One decay per row of the state, or one for all of it.
              inputs[3]?.rank === 4 ? 3 : [2, 3],
            );
            return [
              decay ? tf.mul(dBefore, decay) : dBefore,
              product(dy, visited[read], q, true),
              product(v, dAfter, k, true),
              product(k, dAfter, v),
              ...(decay ? [tf.expandDims(dLogDecay, 2)] : []),
            ];
          });
          dState?.dispose();
          dState = earlier!;
          results.push(dInputs);
        }
        for (const { before, after } of visits) {
          if (before !== checkpoint) before?.dispose();
          after.dispose();
        }
        checkpoint?.dispose();
      }
      return inputs.map((_, i) =>
        tf.concat(
          inOrder(results.map((dInputs) => dInputs[i]!).reverse(), direction),
          2,
        )
      );
    },
  };
}

/** The product vector · state or vector · stateᵀ, for a state that may be zero. */
function product(
  vector: tf.Tensor,
  state: tf.Tensor | undefined,
  like: tf.Tensor,
  transposed = false,
): tf.Tensor {
  return state
    ? tf.matMul(vector, state, false, transposed)
    : tf.zerosLike(like);
}
