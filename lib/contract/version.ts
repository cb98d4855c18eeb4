/** The version of this library, as deno.json has it. @module */

/** Ranks of one training have the same. */
export const VERSION = "0.2.0";
