/** The text that the language recipes learn from. @module */
import {
  loadSentences,
  splitDocuments,
  type Tokenizer,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";

/** Sequences of ids, by part of the corpus. */
export interface Corpus {
  readonly tokenizer: Tokenizer;
  readonly train: number[][];
  readonly test: number[][];
}

const loaded = new Map<number, Promise<Corpus>>();

/** Sentences in tokens of a vocabulary that was learned from the training part. */
export function loadCorpus(vocabularySize: number): Promise<Corpus> {
  const corpus = loaded.get(vocabularySize) ?? tokenize(vocabularySize);
  loaded.set(vocabularySize, corpus);
  return corpus;
}

async function tokenize(vocabularySize: number): Promise<Corpus> {
  const { train, test } = splitDocuments(await loadSentences(), {
    validation: 0,
    test: 0.02,
  });
  const tokenizer = tokenizerOf(trainTokenizer(train, { vocabularySize }));
  const encode = (text: string) => tokenizer.encode(text);
  return { tokenizer, train: train.map(encode), test: test.map(encode) };
}
