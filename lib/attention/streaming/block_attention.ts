/** Attention of blocks of tokens: to both sides within, to earlier blocks by a state. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import { tokensIn } from "../../operations/padding/padding.ts";
import { noDecay } from "../decays/decay.ts";
import type { DecayPair } from "../decays/decay_pair.ts";
import { spread } from "../../operations/spread/spread.ts";
import { resolveDecays } from "../decays/resolve_decays.ts";
import { repeatHeads } from "../forms/form.ts";
import {
  checkAttention,
  type LionAttentionOptions,
} from "../lion_attention.ts";
import {
  decayState,
  outputWithState,
  passState,
} from "../planning/with_state.ts";

/** What earlier blocks leave for later ones. */
export interface BlockState {
  /** The forward state after the last token, `[batch, heads, headDim, valueDim + 1]`. */
  readonly sum: tf.Tensor4D;
  /**
   * The log decay of the state on arriving at the next token, `[batch, heads, 1]`, with an
   * axis of channels if diagonal, where the last token decides it; `undefined` where the
   * next one does, or nothing decays.
   */
  readonly due: tf.Tensor | undefined;
}

/**
 * Attention in which each token reads the tokens of its block, on both sides, and those of
 * all blocks before it, which one state per head stands for: the forward one, at the
 * block's border. Differentiable in all inputs. Call it inside `tf.tidy`.
 *
 * Source: Arriola et al. 2025 (arXiv:2503.09573), whose keys and values of earlier blocks
 * are a state of constant size here.
 *
 * @param options Those of lionAttention; form, precision and segments are not read.
 * @param blockLength Tokens of a block; the last one may be shorter.
 * @param before What the blocks before these have left, if there are any.
 * @returns The output, `[batch, heads, length, valueDim]`, and what these blocks leave.
 */
export function blockAttention(
  vectors: { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor },
  options: LionAttentionOptions,
  blockLength: number,
  before?: BlockState,
): { y: tf.Tensor4D; state: BlockState } {
  const { form: _, precision: __, segments: ___, ...others } = options;
  const { settings, vectors: checked } = checkAttention(
    "blockAttention",
    vectors,
    others,
  );
  const { decay = noDecay(), mask, kernel, chunkSize } = options;
  const v = floats("v", checked.v);
  const [batch, heads, length] = v.shape;
  const q = repeatHeads("q", floats("q", checked.q), heads);
  const k = repeatHeads("k", floats("k", checked.k), heads);
  const pair = resolveDecays(decay, {
    shape: [batch, heads, length, q.shape[3]],
    causal: false,
  });
  const isOfSource = "convention" in decay && decay.convention === "source";
  const forward = pair && arriving(
    spread(pair.forward, [batch, ...pair.forward.shape.slice(1)]),
    isOfSource ? before?.due : undefined,
  );
  const backward = pair &&
    spread(pair.backward!, [batch, ...pair.backward!.shape.slice(1)]);
  const count = Math.ceil(length / blockLength);
  const size = count === 1 ? length : blockLength;
  const cut = <T extends tf.Tensor>(x: T) => inBlocks(x, count, size);
  const tokens = mask && tokensIn("mask", mask);
  const isWhole = count * size === length;
  const real = tokens ?? (isWhole ? undefined : tf.ones([batch, length]));
  const blocks = {
    q: cut(q),
    k: cut(k),
    v: cut(v),
    pair: pair &&
      { forward: cut(forward!), backward: cut(backward!) } as DecayPair,
    tokens: real && tf.reshape(
      cut(tf.reshape(real, [batch, 1, length])),
      [batch * count, size],
    ) as tf.Tensor2D,
  };
  const written = passState(
    blocks.k,
    blocks.v,
    blocks.pair,
    "before",
    undefined,
    blocks.tokens,
  );
  const { borders, after } = carried(
    tf.reshape(written, [batch, count, ...written.shape.slice(1)]),
    blocks.pair && tf.sum(blocks.pair.forward, 2, true),
    before?.sum,
  );
  const rows = outputWithState(blocks.q, blocks.k, blocks.v, blocks.pair, {
    ...{ ...settings, causal: false, kernel, chunkSize },
    ...{ tokens: blocks.tokens, before: borders },
  });
  const whole = tf.reshape(
    tf.transpose(
      tf.reshape(rows, [batch, count, heads, size, rows.shape[3]]),
      [0, 2, 1, 3, 4],
    ),
    [batch, heads, count * size, rows.shape[3]],
  ) as tf.Tensor4D;
  const y = isWhole
    ? whole
    : tf.slice(whole, [0, 0, 0, 0], [-1, -1, length, -1]);
  const due = isOfSource ? lastOf(decay.logDecay, batch) : undefined;
  return { y, state: { sum: after, due } };
}

type Shape4 = tf.ShapeMap[tf.Rank.R4];

/** Log decays on arriving at each token, of which another decides the first. */
function arriving(
  logDecay: tf.Tensor,
  due: tf.Tensor | undefined,
): tf.Tensor {
  if (!due) return logDecay;
  const begin = logDecay.shape.map((_, axis) => axis === 2 ? 1 : 0);
  const rest = tf.slice(logDecay, begin);
  return tf.concat([due, rest], 2);
}

/** The last token's log decay, of each row of a batch. */
function lastOf(logDecay: tf.Tensor, batch: number): tf.Tensor {
  const length = logDecay.shape[2]!;
  const begin = logDecay.shape.map((_, axis) => axis === 2 ? length - 1 : 0);
  const last = tf.slice(logDecay, begin);
  return spread(last, [batch, ...last.shape.slice(1)]);
}

/** Cuts `[batch, heads, length, …]` into `[batch · blocks, heads, size, …]`, zeros at the end. */
function inBlocks<T extends tf.Tensor>(x: T, count: number, size: number): T {
  const [batch, heads, length, ...columns] = x.shape as [
    number,
    number,
    number,
    ...number[],
  ];
  if (count === 1) return x;
  const missing = count * size - length;
  const padded = missing === 0 ? x : tf.pad(
    x as tf.Tensor,
    x.shape.map((_, axis) => [0, axis === 2 ? missing : 0]),
  );
  const cut = tf.reshape(padded, [batch, heads, count, size, ...columns]);
  const axes = [0, 2, 1, ...cut.shape.map((_, axis) => axis).slice(3)];
  return tf.reshape(
    tf.transpose(cut, axes),
    [batch * count, heads, size, ...columns],
  ) as T;
}

/**
 * The states at the borders of blocks.
 *
 * @param written What each block writes, `[batch, blocks, heads, headDim, valueDim + 1]`.
 * @param logDecay What a block multiplies a state by, `[batch · blocks, heads, 1, …]`.
 * @returns The states before the blocks, `[batch · blocks, heads, …]`, and the one after all.
 */
function carried(
  written: tf.Tensor,
  logDecay: tf.Tensor | null,
  before: tf.Tensor4D | undefined,
): { borders: tf.Tensor4D; after: tf.Tensor4D } {
  const [batch, count, ...rest] = written.shape as [
    number,
    number,
    ...number[],
  ];
  const decays = logDecay && tf.unstack(
    tf.reshape(logDecay, [batch, count, ...logDecay.shape.slice(1)]),
    1,
  );
  let state = before ?? tf.zeros<tf.Rank.R4>([batch, ...rest] as Shape4);
  const borders: tf.Tensor4D[] = [];
  for (const [i, own] of tf.unstack(written, 1).entries()) {
    borders.push(state);
    // Diagonal decays keep the axis of the single token, as decayState takes them.
    const kept = decays ? decayState(state, decays[i]!) : state;
    state = tf.add(kept, own);
  }
  return {
    borders: tf.reshape<tf.Rank.R4>(
      tf.stack(borders, 1),
      [batch * count, ...rest] as Shape4,
    ),
    after: state,
  };
}
