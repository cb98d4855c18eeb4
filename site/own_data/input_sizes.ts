/** The sizes of what models of a visitor's data read. @module */

/** Pixels of a side of a picture. */
export const SIDE = 56;

/** Tokens of a text at most. */
export const LENGTH = 128;
