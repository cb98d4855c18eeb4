/**
 * Texts and tokens, for packages that define data sets of them or models.
 *
 * @module
 */
export { padded, padTokens } from "./pad_tokens.ts";
export { specialsAround } from "./around.ts";
export { IGNORE_INDEX } from "./token_batch.ts";
export {
  type ClassifiedTokens,
  type LabelledTokens,
  withTypes,
} from "./token_examples.ts";
export type { Tokenizer } from "./tokenizer.ts";
export { fileOf } from "./tokenizer_origin.ts";
export { type TokenizerFile, tokenizerOf } from "./tokenizer_file.ts";
export { wordPieceFile } from "./word_piece.ts";
