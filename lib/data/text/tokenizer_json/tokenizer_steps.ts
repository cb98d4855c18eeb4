/**
 * Bounds on the steps of a `tokenizer.json` in the library that runs them: on
 * their time, and on the length of their output. Steps that the library runs in
 * another way than Hugging Face's are corrected.
 *
 * @module
 */
import type { Tokenizer as Library } from "@huggingface/tokenizers";
import { BoundedPattern } from "./bounded_pattern.ts";
import {
  correctedDecoder,
  correctedNormalizer,
  correctedSplitter,
} from "./step_corrections.ts";
import type { Unchecked } from "./tokenizer_checks.ts";
import { SEQUENCE, STEPS } from "./tokenizer_shape.ts";

/** A step in the library; a sequence holds its steps in another field. */
interface Step {
  readonly config?: { readonly pattern?: { readonly Regex?: string } };
  pattern?: RegExp;
  [method: string]: unknown;
}

/** The fields in which the library's sequences hold their steps. */
const INNER = {
  normalizer: "normalizers",
  pre_tokenizer: "tokenizers",
  decoder: "decoders",
};

/** The method that runs a step of each kind. */
const METHODS = {
  normalizer: "normalize",
  pre_tokenizer: "pre_tokenize_text",
  decoder: "decode_chain",
};

/** Largest output of all steps per character, and in addition; usual ones make < 100. */
const MADE_OF_ONE = 1000;
const MADE_OF_NONE = 100_000;

/**
 * Replaces the patterns of a tokenizer's steps by bounded ones, and limits the
 * steps' output: a few steps that each double a text would fill the memory.
 */
export class StepBounds {
  #left = Infinity;

  constructor(library: Library, file: Unchecked) {
    for (const kind of STEPS) {
      const step = library[kind] as unknown as Step | null;
      if (step) {
        this.#bound(kind, `file.${kind}`, step, file[kind] as Unchecked);
      }
    }
  }

  /**
   * Runs a function that uses the steps.
   *
   * @param length Number of characters that it starts from.
   * @throws {RangeError} If the steps' output is a thousand times longer.
   */
  within<T>(length: number, run: () => T): T {
    this.#left = MADE_OF_NONE + MADE_OF_ONE * length;
    return run();
  }

  #bound(
    kind: typeof STEPS[number],
    name: string,
    step: Step,
    given: Unchecked,
  ): void {
    const steps = step[INNER[kind]] as Step[] | undefined;
    if (Array.isArray(steps)) {
      const all = given[SEQUENCE[kind]] as Unchecked[];
      steps.forEach((inner, i) =>
        this.#bound(kind, `${name}.${SEQUENCE[kind]}[${i}]`, inner, all[i]!)
      );
      return;
    }
    if (step.config?.pattern?.Regex !== undefined) {
      step.pattern = bounded(`${name}.pattern.Regex`, step.pattern!);
    }
    const method = METHODS[kind];
    const run = corrected(kind, name, step, given, method);
    step[method] = (...given: [never, ...unknown[]]) => {
      const made = run(...given);
      const parts = typeof made === "string" ? [made] : made;
      for (const { length } of parts) this.#left -= length;
      if (this.#left >= 0) return made;
      throw new RangeError(
        `${name} should not make thousands of characters of one`,
      );
    };
  }
}

/** The function that runs a step: the library's method, with corrections where needed. */
function corrected(
  kind: typeof STEPS[number],
  name: string,
  step: Step,
  given: Unchecked,
  method: string,
): (given: never, ...more: unknown[]) => string | string[] {
  const run = (step[method] as (given: unknown) => string & string[])
    .bind(step);
  if (kind === "pre_tokenizer") return correctedSplitter(given, step, run);
  if (kind === "decoder") return correctedDecoder(given, run);
  try {
    return correctedNormalizer(given, run);
  } catch (cause) {
    throw new TypeError(
      `${name}.precompiled_charsmap ${(cause as Error).message}`,
      { cause },
    );
  }
}

function bounded(name: string, { source }: RegExp): BoundedPattern {
  try {
    return new BoundedPattern(source);
  } catch (cause) {
    const Kind = cause instanceof RangeError ? RangeError : TypeError;
    throw new Kind(`${name} ${(cause as Error).message}`, { cause });
  }
}

/**
 * Escapes the replacements of `Replace` steps, so that they are literal as in
 * Hugging Face's library: `String.prototype.replaceAll` would replace `$'` by
 * the rest of the text.
 */
export function literalContents(
  kind: typeof STEPS[number],
  step: unknown,
): unknown {
  const given = step as Record<string, unknown> | null | undefined;
  if (!given) return null;
  if (given["type"] === "Sequence") {
    const steps = given[SEQUENCE[kind]] as unknown[];
    return {
      ...given,
      [SEQUENCE[kind]]: steps.map((inner) => literalContents(kind, inner)),
    };
  }
  if (given["type"] !== "Replace") return given;
  return {
    ...given,
    content: String(given["content"]).replaceAll("$", "$$$$"),
  };
}
