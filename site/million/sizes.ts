/** The sizes of the long sequence. @module */

/** Columns of the head. */
export const HEAD_DIM = 64;

/** Tokens of a piece: q, k, v and y of it take 16 MiB. */
export const PIECE = 16_384;
