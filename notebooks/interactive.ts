/**
 * What a reader can move and answer in the annotated notebook. In Jupyter these
 * are stills; the page of the site has its own (`site/annotated/interactive.ts`),
 * and computes anew what depends on them.
 *
 * @module
 */
import { type BackendInfo, useBackend } from "@lionjs/lion";
import { DISPLAY, display } from "@lionjs/lion/notebook";
import { escapeHTML } from "../lib/notebook/jupyter/html.ts";
import { assertAnswer, type Exercise, type SliderOptions } from "./exercise.ts";

/** Starts a backend. */
export function start(): Promise<BackendInfo> {
  return useBackend({ prefer: ["wasm", "cpu"] });
}

/** A number that a reader of the page can move; here its first value. */
export function slider(
  name: string,
  { from, to, value }: SliderOptions,
): Promise<number> {
  console.log(
    `${name}: ${value} (on the page, a slider from ${from} to ${to})`,
  );
  return Promise.resolve(value);
}

/**
 * A question; the page checks what a reader chooses.
 *
 * @throws {RangeError} If the answer is not one of the options.
 */
export async function exercise(
  { question, options, answer, why }: Exercise,
): Promise<void> {
  assertAnswer(options, answer);
  const choices = options.join(" · ");
  await display({
    [DISPLAY]: () => ({
      "text/html": `<details><summary><b>Exercise.</b> ${
        escapeHTML(question)
      } ${escapeHTML(choices)}</summary><p><b>${escapeHTML(answer)}.</b> ${
        escapeHTML(why)
      }</p></details>`,
      "text/plain": `Exercise. ${question} ${choices}`,
    }),
  });
}
