/**
 * Training.
 *
 * @module
 */
export { Adam, type AdamOptions } from "./adam.ts";
