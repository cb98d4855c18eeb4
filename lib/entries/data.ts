/**
 * Training data: streams of batches, tokenizers and your own files, and with
 * them all of `@lionjs/lion/datasets`.
 *
 * This is what `@lionjs/lion/data` names. It stands outside both rooms, since
 * `lib/data` imports nothing of `lib/datasets`.
 *
 * @module
 */
export * from "@lionjs/data";
export * from "@lionjs/datasets";
