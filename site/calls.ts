/** What the page asks of the worker in which everything is computed. @module */
import type { Time } from "../bench/measure/report_file.ts";
import type { UnmaskOrder } from "@lionjs/lion/diffusion";
import type { Filled } from "../models/gaps/series/mod.ts";
import type {
  LanguageShare,
  LanguageWord,
} from "../models/languages/text/mod.ts";
import type { MarkedWord } from "../models/punctuation/text/mod.ts";
import type { Level } from "../models/sudoku/puzzles/mod.ts";
import type { Contender, Form } from "./contenders.ts";
import type { Device } from "./device.ts";
import type { ListenCalls } from "./listen/calls.ts";
import type { MillionCalls } from "./million/calls.ts";

/** What the classifier makes of a picture. */
export interface Reading {
  /** Of the ten digits. */
  readonly probabilities: readonly number[];
  /** How much each patch lets pass, `[block][head][patch]`, 0 to 1. */
  readonly decays: readonly (readonly (readonly number[])[])[];
}

/** The classifier in one form, and what a pass takes. */
export interface FormReading extends Timing {
  readonly form: Form;
  readonly digit: number;
  /** The largest difference from the full form's logits, as a part of the largest of them. */
  readonly difference: number;
}

/** A word of a sentence, or a sign between words. */
export interface Word {
  readonly text: string;
  readonly isAfterSpace: boolean;
  readonly isHidden: boolean;
}

/** What the language model puts in the place of a hidden word: the likeliest first. */
export type Guesses = readonly {
  readonly text: string;
  readonly share: number;
}[];

/** A cell of a Sudoku that the model has filled in. */
export interface FilledCell {
  /** From 0 at the top left to 80 at the bottom right. */
  readonly cell: number;
  readonly digit: number;
  /** How likely it took the digits 1 to 9 to be. */
  readonly shares: readonly number[];
}

/** What the model makes of a Sudoku, and what there is to find. */
export interface SudokuAnswer {
  /** In the order in which they were filled in. */
  readonly cells: readonly FilledCell[];
  readonly milliseconds: number;
  /** 0, 1, or 2 for several. */
  readonly solutions: number;
  /** The only solution, by backtracking. */
  readonly solution: readonly number[] | undefined;
}

/** What the model of languages makes of a text, the five likeliest languages first. */
export interface ToldLanguages {
  readonly shares: readonly LanguageShare[];
  readonly words: readonly LanguageWord[];
  readonly milliseconds: number;
}

/** What the model of punctuation makes of a text. */
export interface RestoredText {
  readonly words: readonly MarkedWord[];
  readonly milliseconds: number;
}

/** A series whose gaps are filled, by the model and by lines. */
export interface FilledGaps extends Filled {
  readonly line: readonly number[];
  readonly milliseconds: number;
}

/** A sequence whose mask is asked for. */
export interface MaskProblem {
  readonly variant: "lit" | "d" | "s";
  /** What each token lets pass, 0 to 1; of LION-D the first counts for all. */
  readonly decays: readonly number[];
  /** Of LION-S: whose decay applies, the source's or the reader's. */
  readonly convention: "source" | "arrival";
}

/** How long something took, in milliseconds, and how much memory. */
export interface Timing extends Time {
  /** Bytes of tensors at the peak, beside the inputs and weights. */
  readonly peakBytes: number;
}

/** The worker's functions. */
export interface Calls extends MillionCalls {
  /** Comes first. */
  start(backend: Device["backend"]): Promise<Device>;
  classify(pixels: Uint8Array, form: Form): Promise<Reading>;
  compare(pixels: Uint8Array): Promise<FormReading[]>;
  /** The mask by rows. */
  mask(problem: MaskProblem): Promise<number[][]>;
  time(contender: Contender, length: number): Promise<Timing>;
}

/** The functions of the worker that fills in words and digits, and is loaded later. */
export interface DiffusionCalls extends ListenCalls {
  /** Comes first. */
  start(backend: Device["backend"]): Promise<Device>;
  /** Which words the language model can fill in. */
  fillable(words: readonly Word[]): Promise<boolean[]>;
  /** For each hidden word, in their order. */
  complete(words: readonly Word[]): Promise<Guesses[]>;
  /** A new puzzle: 81 digits, 0 where unknown. */
  drawSudoku(level: Level): Promise<string>;
  fillSudoku(puzzle: string, order: UnmaskOrder): Promise<SudokuAnswer>;
  tellLanguages(text: string): Promise<ToldLanguages>;
  /** Each word's mark by what is before it, and so many words after it; null for all. */
  restoreMarks(text: string, future: number | null): Promise<RestoredText>;
  /** `null` in the gaps. */
  fillGaps(series: readonly (number | null)[]): Promise<FilledGaps>;
}
