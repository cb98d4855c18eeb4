/** The texts that the language recipes learn from. @module */
import {
  type Split,
  splitDocuments,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";
import {
  type BrownText,
  loadBrown,
  loadSentences,
} from "@lionjs/lion/datasets";

/** Sequences of ids, by part of the corpus. */
export interface Corpus extends Split<number[]> {
  readonly tokenizer: Tokenizer;
  /** What it is made of. */
  readonly file: TokenizerFile;
}

const loaded = new Map<string, Promise<Corpus>>();

/** What is taken of a corpus. */
export interface CorpusChoice {
  /** Tokens of the vocabulary that is learned. */
  readonly vocabularySize: number;
  /** One of so many documents is taken. @default 1 */
  readonly every?: number;
}

/** Sentences in tokens of a vocabulary that was learned from the training part. */
export function loadSentenceTokens(
  { vocabularySize, every = 1 }: CorpusChoice,
): Promise<Corpus> {
  return once(`sentences ${vocabularySize} ${every}`, async () => {
    const sentences = oneOfEvery(every, await loadSentences());
    const split = splitDocuments(sentences, { validation: 0.02, test: 0.02 });
    return tokenize(split, vocabularySize);
  });
}

/** The texts of the Brown corpus, each whole and in one part, in tokens of their own. */
export function loadProseTokens(
  { vocabularySize, every = 1 }: CorpusChoice,
): Promise<Corpus> {
  return once(`prose ${vocabularySize} ${every}`, async () => {
    const { train, validation, test } = await splitBrown(every);
    const textOf = ({ text }: BrownText) => text;
    return tokenize({
      train: train.map(textOf),
      validation: validation.map(textOf),
      test: test.map(textOf),
    }, vocabularySize);
  });
}

/** The texts of the Brown corpus by part; one of so many is taken. */
export async function splitBrown(every: number): Promise<Split<BrownText>> {
  return splitDocuments(oneOfEvery(every, await loadBrown()), {
    validation: 0.1,
    test: 0.2,
    key: ({ name }) => name,
  });
}

/** The first of every so many items. */
export function oneOfEvery<T>(count: number, items: readonly T[]): T[] {
  return items.filter((_, i) => i % count === 0);
}

function once(name: string, load: () => Promise<Corpus>): Promise<Corpus> {
  const corpus = loaded.get(name) ?? load();
  loaded.set(name, corpus);
  return corpus;
}

function tokenize(
  { train, validation, test }: Split<string>,
  vocabularySize: number,
): Corpus {
  const file = trainTokenizer(train, { vocabularySize });
  const tokenizer = tokenizerOf(file);
  const encode = (texts: readonly string[]) =>
    texts.map((text) => tokenizer.encode(text));
  return {
    ...{ tokenizer, file },
    train: encode(train),
    validation: encode(validation),
    test: encode(test),
  };
}
