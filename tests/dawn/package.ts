/**
 * Dawn as a package. It is in neither deno.json nor deno.lock, of which Deno fetches all
 * with the first run of anything in a clone, and it has 130 MB: so what uses it runs
 * with `--no-lock`.
 *
 * @module
 */

/** Where it is. */
export const DAWN = "npm:webgpu@0.6.2";
