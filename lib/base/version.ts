/** The version of this library, as deno.json has it. @module */

/** The library's version, which must be the same on all ranks of a training. */
export const VERSION = "0.2.0";
