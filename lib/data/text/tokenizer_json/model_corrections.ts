/**
 * Corrections of the library's models: no text has special tokens, and time is
 * linear in a text's length.
 *
 * @module
 */
import type { Tokenizer as Library } from "@huggingface/tokenizers";
import { remembered } from "./word_cache.ts";

/** A node of the tree in which a Unigram seeks the tokens that a text begins with. */
interface TrieNode {
  is_leaf: boolean;
  readonly children: ReadonlyMap<string, TrieNode>;
}

/** The members of a library's model that are used; some are private in its types. */
interface Model {
  readonly tokens_to_ids: Map<string, number>;
  readonly unk_token_id: number | undefined;
  readonly fuse_unk: boolean;
  readonly trie?: { readonly root: TrieNode };
  encode(words: string[]): string[];
  tokenize?(word: string): string[];
  _call(words: string[]): string[];
}

/**
 * Corrects a model.
 *
 * @param special The special tokens, which the model is not to find in a text.
 * Ids are still found by `id_to_token`, and unknown text becomes the unknown
 * token.
 */
export function correctModel(
  library: Library,
  special: Iterable<string>,
): void {
  const model = library.model as unknown as Model;
  for (const token of special) {
    model.tokens_to_ids.delete(token);
    let node = model.trie?.root;
    for (const character of token) node = node?.children.get(character);
    if (node) node.is_leaf = false;
  }
  const encode = model.encode.bind(model);
  // No model looks beyond a word. A Unigram's `encode` passes a word's tokens as
  // arguments, of which there cannot be hundreds of thousands.
  const tokensOf = remembered((word) =>
    model.tokenize ? model.tokenize(word) : encode([word])
  );
  model.encode = (words) => words.flatMap(tokensOf);
  model._call = (words) =>
    model.fuse_unk ? fused(model, model.encode(words)) : model.encode(words);
}

/**
 * Replaces consecutive unknown tokens by one. The library concatenates their
 * texts, and looks up the concatenation again for each.
 */
function fused(
  { tokens_to_ids, unk_token_id }: Model,
  tokens: readonly string[],
): string[] {
  let isAfterUnknown = false;
  return tokens.filter((token) => {
    const isUnknown = (tokens_to_ids.get(token) ?? unk_token_id) ===
      unk_token_id;
    const isKept = !(isUnknown && isAfterUnknown);
    isAfterUnknown = isUnknown;
    return isKept;
  });
}
