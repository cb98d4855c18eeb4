import { assertInteger } from "@lionjs/base";
import {
  type Examples,
  type GeneratedOptions,
  IGNORE_INDEX,
  type LabelledTokens,
} from "@lionjs/lion/data";
import { assertOptions, optionsOf } from "@lionjs/base";
import { generated } from "@lionjs/data/batches";
import { below } from "@lionjs/data/batches";
import { bestGuess, examplesOf } from "./guesses.ts";

/** Options of {@linkcode selectiveCopying}; the defaults are MAD's. */
export interface SelectiveCopyingOptions extends GeneratedOptions {
  /** Size of the vocabulary: symbols, then "blank" and "copy". @default 16 */
  vocabularySize?: number | undefined;
  /** Tokens per sequence. @default 256 */
  length?: number | undefined;
  /** Number of symbols to copy. @default 16 */
  symbols?: number | undefined;
}

const OPTIONS = optionsOf<SelectiveCopyingOptions>()(
  "size vocabularySize length symbols seed part",
);

/**
 * Selective copying from MAD: symbols with blanks between them, the token
 * "copy", and as many blanks as symbols, whose labels are the symbols in order.
 * All other tokens have the label -100.
 *
 * It is suitable for bidirectional models: the input has blanks where the
 * answers belong. As in MAD's code, there is no blank between the last symbol
 * and "copy". MAD trains on 12,800 examples; harder settings are vocabularies
 * of 32 to 128, lengths of 512 and 1024, and 32 to 96 symbols.
 *
 * Source: Poli et al. 2024, MAD (arXiv:2403.17844).
 *
 * @param options See {@linkcode SelectiveCopyingOptions}.
 * @returns The examples, for `collateTokens`.
 * @throws {RangeError} If an option has an invalid value, or the symbols do not
 * fit into the length.
 */
export function selectiveCopying(
  options: SelectiveCopyingOptions,
): Examples<LabelledTokens> {
  assertOptions("selectiveCopying", options, OPTIONS);
  const { vocabularySize = 16, length = 256, symbols = 16 } = options;
  assertInteger("symbols", symbols, 1);
  assertInteger("length", length, 2 * symbols + 1);
  assertInteger("vocabularySize", vocabularySize, 3);
  const blank = vocabularySize - 2;
  const copy = vocabularySize - 1;
  return generated("selective copying", options, (random) => {
    const ids = new Int32Array(length).fill(blank);
    const labels = new Int32Array(length).fill(IGNORE_INDEX);
    const blanksBefore = new Uint32Array(symbols);
    for (let left = length - 2 * symbols - 1; left > 0; left--) {
      blanksBefore[below(symbols, random)]!++;
    }
    let place = 0;
    blanksBefore.forEach((blanks, i) => {
      place += blanks;
      const symbol = below(blank, random);
      ids[place++] = labels[length - symbols + i] = symbol;
    });
    ids[place] = copy;
    return { ids, labels };
  });
}

/** The result of {@linkcode selectiveCopyingBaselines}. */
export interface SelectiveCopyingBaselines {
  /** Accuracy of always guessing the most frequent symbol. */
  readonly majority: number;
}

/**
 * The accuracy of guesses that ignore the sequence, on a dataset of selective
 * copying.
 *
 * @param dataset A dataset of {@linkcode selectiveCopying}.
 * @returns See {@linkcode SelectiveCopyingBaselines}.
 */
export function selectiveCopyingBaselines(
  dataset: Examples<LabelledTokens>,
): SelectiveCopyingBaselines {
  const asked = [...examplesOf(dataset)].flatMap(({ labels }) =>
    Array.from(labels, (label) => ({ label }))
  ).filter(({ label }) => label !== IGNORE_INDEX);
  return { majority: bestGuess(asked) };
}
