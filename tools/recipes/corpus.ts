/** The texts that the language recipes learn from. @module */
import {
  type BrownText,
  loadBrown,
  loadSentences,
  type Split,
  splitDocuments,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";

/** Sequences of ids, by part of the corpus. */
export interface Corpus extends Split<number[]> {
  readonly tokenizer: Tokenizer;
  /** What it is made of. */
  readonly file: TokenizerFile;
}

const loaded = new Map<string, Promise<Corpus>>();

/** Sentences in tokens of a vocabulary that was learned from the training part. */
export function loadSentenceTokens(vocabularySize: number): Promise<Corpus> {
  return once(`sentences ${vocabularySize}`, async () =>
    tokenize(
      splitDocuments(await loadSentences(), { validation: 0.02, test: 0.02 }),
      vocabularySize,
    ));
}

/** The texts of the Brown corpus, each whole and in one part, in tokens of their own. */
export function loadProseTokens(vocabularySize: number): Promise<Corpus> {
  return once(`prose ${vocabularySize}`, async () => {
    const { train, validation, test } = await splitBrown();
    const textOf = ({ text }: BrownText) => text;
    return tokenize({
      train: train.map(textOf),
      validation: validation.map(textOf),
      test: test.map(textOf),
    }, vocabularySize);
  });
}

/** The texts of the Brown corpus by part. */
export async function splitBrown(): Promise<Split<BrownText>> {
  return splitDocuments(await loadBrown(), {
    validation: 0.1,
    test: 0.2,
    key: ({ name }) => name,
  });
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
