/** What the panel of words that hear each other asks of its worker. @module */

/** A text that the language model has read. */
export interface ReadText {
  /** Words and the signs between them. */
  readonly words: readonly string[];
  /** For each word, whether a space stands before it. */
  readonly isAfterSpace: readonly boolean[];
  readonly tokens: number;
  /** Whether the text goes on after the last word. */
  readonly isCut: boolean;
  readonly milliseconds: number;
}

/** What a word hears of the words around it. */
export interface Heard {
  /** The first word that is heard of at all. */
  readonly first: number;
  /** From that one on: the part of the attention of the blocks that read what is before. */
  readonly before: Float32Array;
  /** The part of the attention of those that read what is after. */
  readonly after: Float32Array;
  readonly milliseconds: number;
}

/** The worker's functions. */
export interface ListenCalls {
  /** Reads a text, in place of the one before. */
  readText(text: string): Promise<ReadText>;
  /** What a word of that text hears. */
  hear(word: number): Promise<Heard>;
}
