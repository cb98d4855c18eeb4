/// <reference lib="dom" />
/** A text that one types without marks, and the same with them. @module */
import type { DiffusionCalls, RestoredText } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, make } from "./elements.ts";

/** The text at first. */
const FIRST =
  "when the table is empty the query returns no rows this is not an error " +
  "however if you need a result in every case you can use an outer join which " +
  "keeps all rows of the first table";

/** After the last letter, in milliseconds. */
const PAUSE = 150;

/** How many words after a word the model sees, by the place of the slider; null for all. */
const FUTURES = [0, 1, 2, 3, 4, 6, 8, 12, 16, null] as const;

/** Fills the panel, and keeps it up to date. */
export function punctuationPanel(
  computer: () => Computer<DiffusionCalls>,
): void {
  const text = byId("punctuation-text", HTMLTextAreaElement);
  const future = byId("punctuation-future", HTMLInputElement);
  const verdict = byId("punctuation-verdict", HTMLElement);
  const chosen = () => FUTURES[Number(future.value)]!;
  /** Counts what was asked: older answers no longer matter. */
  let version = 0;
  text.value = FIRST;
  future.max = future.value = `${FUTURES.length - 1}`;
  const ask = () => {
    const asked = ++version;
    setTimeout(() => void restore(asked), PAUSE);
  };
  text.addEventListener("input", ask);
  future.addEventListener("input", () => {
    byId("punctuation-words", HTMLElement).textContent = `${chosen() ?? "all"}`;
    ask();
  });
  // The weights are fetched when the panel comes into view.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    void restore(++version);
  }).observe(byId("punctuation-panel", HTMLElement));

  async function restore(asked: number): Promise<void> {
    if (asked !== version) return;
    try {
      const restored = await computer()
        .call("restoreMarks", text.value, chosen());
      if (asked === version) show(restored);
    } catch (error) {
      verdict.textContent = `This failed: ${(error as Error).message}`;
    }
  }

  function show({ words, milliseconds }: RestoredText): void {
    const marks = words.filter(({ mark }) => mark !== "").length;
    verdict.textContent = words.length === 0
      ? "There are no words yet."
      : `${marks} mark${marks === 1 ? "" : "s"} for ${words.length} word${
        words.length === 1 ? "" : "s"
      }, in ${milliseconds.toFixed(0)} ms.`;
    byId("punctuation-restored", HTMLElement).replaceChildren(
      ...words.flatMap(({ word, mark, certainty }) => {
        const span = make("span", {}, word + mark);
        span.style.setProperty("--doubt", `${1 - certainty}`);
        return [span, " "];
      }),
    );
  }
}
