/// <reference lib="dom" />
/** Hiding words of a sentence, and what the language model puts in their place. @module */
import type { Calls, HiddenWord, Word } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, make, row } from "./elements.ts";

/** The words that are hidden at first. */
const FIRST = [2, 6, 10];

/** Fills the panel, and keeps it up to date. */
export function sentencePanel(computer: Computer<Calls>): void {
  const input = byId("sentence", HTMLInputElement);
  const buttons = byId("words", HTMLElement);
  const verdict = byId("sentence-verdict", HTMLElement);
  const guesses = byId("guesses", HTMLTableSectionElement);
  let hidden = new Set(FIRST);
  let version = 0;

  input.addEventListener("input", () => {
    hidden = new Set();
    show();
  });
  show();
  // The model is loaded when somebody comes by.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    void work();
  }).observe(byId("sentence-panel", HTMLElement));

  function words(): Word[] {
    return input.value.split(/\s+/).filter((word) => word !== "")
      .map((text, at) => ({ text, isHidden: hidden.has(at) }));
  }

  function show(): void {
    buttons.replaceChildren(
      ...words().map(({ text, isHidden }, at) => {
        const button = make(
          "button",
          { type: "button", "aria-pressed": `${isHidden}` },
          text,
        );
        button.addEventListener("click", () => {
          if (!hidden.delete(at)) hidden.add(at);
          button.setAttribute("aria-pressed", `${hidden.has(at)}`);
          void work();
        });
        return button;
      }),
    );
  }

  async function work(): Promise<void> {
    const asked = ++version;
    const sentence = words();
    try {
      const found = await computer.call("complete", sentence);
      if (asked === version) showGuesses(sentence, found);
    } catch (error) {
      verdict.textContent = `This did not work: ${(error as Error).message}`;
    }
  }

  function showGuesses(
    sentence: readonly Word[],
    found: readonly HiddenWord[],
  ): void {
    const rest = [...found];
    const completed = sentence.map(({ text, isHidden }) =>
      isHidden ? make("mark", {}, rest.shift()!.guess || "…") : text
    );
    verdict.replaceChildren(
      ...completed.flatMap((word, at) => at === 0 ? [word] : [" ", word]),
    );
    const texts = sentence.filter(({ isHidden }) => isHidden);
    guesses.replaceChildren(
      ...found.flatMap(({ tokens }, at) =>
        tokens.map((token, i) =>
          row(
            i === 0 ? texts[at]!.text : "…",
            ...token.map(({ text, share }) =>
              `${text.trim() || "space"} ${(100 * share).toFixed(0)} %`
            ),
          )
        )
      ),
    );
  }
}
