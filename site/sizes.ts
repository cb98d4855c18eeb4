/** The sizes of the classifier and its pictures. @module */

/** Pixels of a side of a picture. */
export const SIDE = 28;

/** Pixels of a side of a patch, which is a token. */
export const PATCH = 4;

/** Patches of a side. */
export const PATCHES = SIDE / PATCH;

/** Blocks of the encoder. */
export const DEPTH = 2;

/** Heads of a block. */
export const HEADS = 4;
