/**
 * Progress bars and lines, in notebooks and elsewhere.
 *
 * @module
 */
export { Progress } from "./progress.ts";
