/**
 * Dawn as a package. It is not among the imports of deno.json, since Deno would fetch
 * its 130 MB with the first run of anything in a clone.
 *
 * @module
 */

/** Where it is. */
export const DAWN = "npm:webgpu@0.6.2";
