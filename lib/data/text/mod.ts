/**
 * Texts and tokens, for packages that define data sets of them or models.
 *
 * @module
 */
export { specialsAround } from "./around.ts";
export { IGNORE_INDEX } from "./token_batch.ts";
export type { ClassifiedTokens, LabelledTokens } from "./token_examples.ts";
export { padTokens } from "./pad_tokens.ts";
export type { Tokenizer } from "./tokenizer.ts";
export { fileOf } from "./tokenizer_origin.ts";
export { type TokenizerFile, tokenizerOf } from "./tokenizer_file.ts";
