/**
 * How decays enter the shaders of attention, and all that the shaders know of them.
 *
 * Everything in a chunk of tokens is computed from four prepared matrices, and
 * from the states H that reach the chunk from a side:
 *
 *     Y = A V + Qin H        H' = through ∘ H + Koutᵀ V
 *
 * | matrix | what it is | for a decay of one number per token |
 * | --- | --- | --- |
 * | Qin | what reads the state that reaches the chunk | `decayFromStart` · q |
 * | Kout | what writes to the state that leaves it | `decayToEnd` · k |
 * | A | what tokens of the chunk read of each other | `weights` ∘ q kᵀ |
 * | through | what a state pays that passes the chunk | e^`logChunkDecay` |
 *
 * The gradients are the same with the vectors of other roles (`roles.ts`) and,
 * for those of keys and values, the transposed mask; the way back to the decays is in
 * `decay_gradients.ts`. In the full form (`full_shader.ts`) one tile reads another by
 * `decayFromStart`, `logChunkDecay` and `decayToEnd` alone, without a state.
 *
 * Operands are text: declarations and statements that fill them for a chunk
 * (`mask.ts`), and expressions. Where they are used, `first`, `count` and `base` are the
 * chunk's first token, its tokens and the place of the sequence's first token, and
 * `thread` the local index; tokens are counted from the chunk's first.
 *
 * Factors are numbers of a token here. Decays of each key channel have none: their
 * matrices are written to buffers first, by shaders of their own (`chunk_engine/`).
 *
 * No exponent is above 0, whatever the decays: each is the sum of the log
 * decays along one path.
 *
 * @module
 */
import { type Binding, input } from "../../../tfjs/webgpu/shader.ts";
import {
  forwardMask,
  logDecaysOf,
  type MaskSource,
  type Side,
} from "./mask.ts";

/**
 * The mask of a problem's decays. Nothing decays where it is `null`: then there is one
 * state, of all tokens.
 *
 * @param decays Whether decays come with it, of zero too.
 * @param causal Whether a token reads only itself and the tokens before it.
 */
export function maskFor(decays: boolean, causal: boolean): MaskSource | null {
  return decays ? forwardMask(causal) : null;
}

/** Factor of what token i reads of the state from a side. */
export function decayFromStart(side: Side, i: string): string {
  return side === "before"
    ? `exp(path_before(0u, ${i} + 1u))`
    : `exp(path_after(${i}, count))`;
}

/** Factor of what token j writes to the state that came from a side. */
export function decayToEnd(side: Side, j: string): string {
  return side === "before"
    ? `exp(path_before(${j} + 1u, count))`
    : `exp(path_after(0u, ${j}))`;
}

/** Logarithm of the factor of a state from a side that passes the chunk. */
export function logChunkDecay(side: Side): string {
  return `path_${side}(0u, count)`;
}

/** The buffers that have only the log decays of some masks, each once. */
export function inputsOfDecays(
  masks: readonly (MaskSource | null)[],
): Binding[] {
  return logDecaysOf(masks, false).map((name) => input(name, "f32"));
}
