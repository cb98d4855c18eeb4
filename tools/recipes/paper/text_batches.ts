/** Batches of texts, whose tokens are found when they are asked for. @module */
import {
  type Batch,
  type Collate,
  collateMasked,
  type ShardedStream,
  type TextInput,
  type Tokenizer,
} from "@lionjs/lion/data";
import { collated, seeded } from "@lionjs/data/batches";

/** A record with a text. */
export interface TextRecord {
  readonly text: string;
}

/** How many characters for each token are read first. */
const CHARACTERS_PER_TOKEN = 8;

/**
 * What a model reads of a text, found without reading all of it: a tokenizer whose
 * tokens stay within words, and which cuts texts on the right, gives the same for
 * the whole text.
 */
export function encodeStart(
  { encodeWithSpecials }: Pick<Tokenizer, "encodeWithSpecials">,
  text: string,
  length: number,
): TextInput {
  let most = CHARACTERS_PER_TOKEN * length;
  for (; most < text.length; most *= 2) {
    // The start of a word may have other tokens than the word.
    const end = text.slice(0, most).search(/\s\S*$/);
    if (end <= 0) continue;
    const input = encodeWithSpecials(text.slice(0, end), { length });
    if (input.ids.length === length) return input;
  }
  return encodeWithSpecials(text, { length });
}

/** Makes batches of texts for masked language modelling, each text a sequence. */
export function collateMaskedTexts(
  { tokenizer, length, rate }: {
    readonly tokenizer: Tokenizer;
    /** Tokens of a sequence: what is longer is cut, what is shorter is padded. */
    readonly length: number;
    /** The share of the tokens that are hidden. */
    readonly rate: number;
  },
): Collate<TextRecord> {
  const collate = collateMasked({ tokenizer, rate, length, tokenTypes: true });
  return (texts, random) =>
    collate(
      texts.map(({ text }) => encodeStart(tokenizer, text, length)),
      random,
    );
}

/** The first examples of a stream. */
export async function* firstOfStream<E>(
  stream: ShardedStream<E>,
  most: number,
): AsyncGenerator<E> {
  let taken = 0;
  for (let shard = 0; shard < stream.shards.length; shard++) {
    for await (const example of stream.open(shard)) {
      if (taken++ === most) return;
      yield example;
    }
  }
}

/** The first examples of a stream, as a stream of one shard. */
export function startOf<E>(
  stream: ShardedStream<E>,
  most: number,
): ShardedStream<E> {
  const { name } = stream.shards[0]!;
  return {
    shards: [{ name: `the first of ${name}` }],
    async *open(_, from = 0) {
      let place = 0;
      for await (const example of firstOfStream(stream, most)) {
        if (place++ >= from) yield example;
      }
    },
  };
}

/** The batches of one pass over the first examples of a stream. */
export async function* streamInOrder<E>(
  stream: ShardedStream<E>,
  { batchSize, collate, most = Infinity }: {
    readonly batchSize: number;
    readonly collate: Collate<E>;
    /** How many examples are taken. @default all */
    readonly most?: number;
  },
): AsyncGenerator<Batch> {
  let examples: E[] = [];
  let before = 0;
  const batch = () => {
    // The same random numbers in each pass.
    const made = collated(examples, collate, seeded("place", 0, before));
    before += examples.length;
    examples = [];
    return made;
  };
  for await (const example of firstOfStream(stream, most)) {
    examples.push(example);
    if (examples.length === batchSize) yield batch();
  }
  if (examples.length > 0) yield batch();
}
