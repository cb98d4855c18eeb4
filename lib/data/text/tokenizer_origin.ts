/** The file that a tokenizer was made of, to write it beside a model. @module */
import type { Tokenizer } from "./tokenizer.ts";

const ORIGINS = new WeakMap<Tokenizer, () => object>();

/** Remembers a tokenizer's file, and returns the tokenizer. */
export function ofFile(
  tokenizer: Tokenizer,
  file: () => object,
): Tokenizer {
  ORIGINS.set(tokenizer, file);
  return tokenizer;
}

/** The file that makes a tokenizer; `undefined` if it is not known. */
export function fileOf(tokenizer: Tokenizer): object | undefined {
  return ORIGINS.get(tokenizer)?.();
}
