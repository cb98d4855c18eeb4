/** The functions of attention as one value, for what can be computed with others. @module */
import { deltaAttention } from "./delta_attention.ts";
import { lionAttention } from "./lion_attention.ts";
import { transitionAttention } from "./transition_attention.ts";

/**
 * Functions that compute attention, in place of those of these names:
 * `acrossRanks` gives some that compute on a part of the tokens.
 */
export interface AttentionFunctions {
  /** Linear attention; see {@linkcode lionAttention}. */
  readonly lionAttention: typeof lionAttention;
  /** The delta rule; see {@linkcode deltaAttention}. */
  readonly deltaAttention: typeof deltaAttention;
  /** Any transitions of rank one; see {@linkcode transitionAttention}. */
  readonly transitionAttention: typeof transitionAttention;
}

/** Attention of a process that has all tokens. */
export const ATTENTION_OF_WHOLE: AttentionFunctions = {
  lionAttention,
  deltaAttention,
  transitionAttention,
};
