/** Weights of the tokens of a text, such as attention's, as colours behind them. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertFinite,
  assertInteger,
  assertOptions,
  assertText,
  optionsOf,
} from "@lionjs/base";
import { assertNames, assertValues } from "../chart_options.ts";
import { escapeHTML } from "../jupyter/html.ts";
import { DISPLAY, type Displayable } from "../jupyter/mime.ts";

/** Options of {@linkcode weightsOverText}. */
export interface WeightsOverTextOptions {
  /** The title, above the text. @default none */
  title?: string | undefined;
  /** The weight whose colour is full. @default the largest, or minus the least */
  full?: number | undefined;
  /** The token that reads the others, by its place: it is framed. @default none */
  reader?: number | undefined;
}

const OPTIONS = optionsOf<WeightsOverTextOptions>()("title full reader");

/** The colours of positive and negative weights: red, green and blue. */
const [POSITIVE, NEGATIVE] = ["11, 143, 143", "194, 69, 127"];

/** How opaque a full colour is: text has to be read on it, be it black or white. */
const OPAQUE = 0.75;

/**
 * Makes a text whose tokens have weights as colours behind them: a row of
 * `attentionRows`, or the result of `inputSaliency`. Negative weights have another
 * colour. A weight is shown where the mouse rests on a token.
 *
 * @example
 * ```ts
 * import { assertEquals, assertStringIncludes } from "@std/assert";
 * import { DISPLAY, display, weightsOverText } from "@lionjs/lion/notebook";
 *
 * const text = await weightsOverText(["A", " lion", " roars"], [0.1, 0.6, 0.3]);
 * await display(text);
 * const { "text/html": html, "text/plain": plain } = await text[DISPLAY]();
 * assertStringIncludes(`${html}`, 'title="0.6"> lion</span>');
 * assertEquals(plain, "A [0.1] lion [0.6] roars [0.3]");
 * ```
 *
 * @param tokens The texts of the tokens, with the spaces that belong to them.
 * @param weights A weight for each: numbers, or a tensor, which may have leading axes
 * of size 1 and is not disposed of.
 * @param options See {@linkcode WeightsOverTextOptions}.
 * @returns The text, to be displayed.
 * @throws {TypeError} If tokens are not texts, weights not numbers, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If there are not as many weights as tokens, or an option has an
 * invalid value.
 */
export async function weightsOverText(
  tokens: readonly string[],
  weights: tf.Tensor | ArrayLike<number>,
  options: WeightsOverTextOptions = {},
): Promise<Displayable> {
  assertOptions("weightsOverText", options, OPTIONS);
  assertNames("tokens", tokens);
  const { title, reader } = options;
  if (title !== undefined) assertText("title", title);
  const numbers = weights instanceof tf.Tensor ? await weights.data() : weights;
  assertValues("weights", numbers);
  const all = Array.from(numbers);
  if (all.length !== tokens.length) {
    throw new RangeError(
      `weights should be one for each of ${tokens.length} tokens, got ${all.length}`,
    );
  }
  if (options.full !== undefined) assertFinite("full", options.full);
  if (reader !== undefined) {
    assertInteger("reader", reader, 0, tokens.length - 1);
  }
  const { full = Math.max(...all.map(Math.abs)) } = options;
  return {
    [DISPLAY]: () => ({
      "text/html": htmlOf(tokens, all, { full, title, reader }),
      "text/plain": tokens.map((token, at) => `${token} [${shortOf(all[at]!)}]`)
        .join(""),
    }),
  };
}

function htmlOf(
  tokens: readonly string[],
  weights: readonly number[],
  { full, title, reader }: {
    readonly full: number;
    readonly title: string | undefined;
    readonly reader: number | undefined;
  },
): string {
  const spans = tokens.map((token, at) => {
    const weight = weights[at]!;
    const share = full > 0 ? Math.min(1, Math.abs(weight) / full) : 0;
    const color = weight < 0 ? NEGATIVE : POSITIVE;
    const frame = at === reader ? "; outline: 2px solid" : "";
    return `<span style="background: rgba(${color}, ${
      shortOf(OPAQUE * share)
    })${frame}" title="${shortOf(weight)}">${escapeHTML(token)}</span>`;
  });
  const above = title === undefined ? "" : `<b>${escapeHTML(title)}</b><br>`;
  return `<p style="white-space: pre-wrap; line-height: 1.8">${above}${
    spans.join("")
  }</p>`;
}

/** A number with three digits. */
function shortOf(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}
