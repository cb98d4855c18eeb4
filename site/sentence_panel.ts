/// <reference lib="dom" />
/** Hiding words of a sentence, and what the language model puts in their place. @module */
import type { DiffusionCalls, Guesses, Word } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, make, row } from "./elements.ts";

/** Sentences to begin with; words in brackets are hidden. */
const EXAMPLES = [
  "The name [of] the table [is] used by [the] query.",
  "The file [is] closed when [the] program ends.",
  "It can [be] used in the same way [as] the other one.",
];

/** Words and the signs between them, with the spaces before them. */
const WORDS = /(\s*)([\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|[^\s])/gu;

/** Fills the panel, and keeps it up to date. */
export function sentencePanel(computer: () => Computer<DiffusionCalls>): void {
  const input = byId("sentence", HTMLInputElement);
  const buttons = byId("words", HTMLElement);
  const verdict = byId("sentence-verdict", HTMLElement);
  const guesses = byId("guesses", HTMLTableSectionElement);
  const hidden = new Set<number>();
  let isNear = false;
  let version = 0;

  input.addEventListener("input", () => {
    hidden.clear();
    void show();
  });
  byId("sentences", HTMLElement).append(...EXAMPLES.map((example, at) => {
    const button = make("button", { type: "button" }, `Example ${at + 1}`);
    button.addEventListener("click", () => take(example));
    return button;
  }));
  take(EXAMPLES[0]!);
  // The model is loaded when somebody comes by.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    isNear = true;
    void show();
  }).observe(byId("sentence-panel", HTMLElement));

  /** Takes an example, with the words that it hides. */
  function take(example: string): void {
    hidden.clear();
    const words = example.matchAll(/\[?[\p{L}\p{N}]+\]?|[^\s]/gu);
    [...words].forEach(([word], at) => {
      if (word.startsWith("[")) hidden.add(at);
    });
    input.value = example.replaceAll(/[[\]]/g, "");
    void show();
  }

  function words(): Word[] {
    return [...input.value.matchAll(WORDS)].map(([, space, text], at) => ({
      text: text!,
      isAfterSpace: space !== "",
      isHidden: hidden.has(at),
    }));
  }

  /** Shows the words of a new sentence, those as buttons that can be hidden. */
  async function show(): Promise<void> {
    const asked = ++version;
    const sentence = words();
    clear();
    buttons.replaceChildren(...sentence.map(({ text }) => plain(text)));
    if (!isNear || sentence.length === 0) return;
    try {
      const canHide = await computer().call("fillable", sentence);
      if (asked !== version) return;
      buttons.replaceChildren(
        ...sentence.map((word, at) =>
          canHide[at] ? buttonOf(word, at) : plain(word.text)
        ),
      );
    } catch (error) {
      return tell(error);
    }
    await fill();
  }

  function buttonOf({ text, isHidden }: Word, at: number): HTMLElement {
    const button = make(
      "button",
      { type: "button", "aria-pressed": `${isHidden}` },
      text,
    );
    button.addEventListener("click", () => {
      if (!hidden.delete(at)) hidden.add(at);
      button.setAttribute("aria-pressed", `${hidden.has(at)}`);
      void fill();
    });
    return button;
  }

  /** Asks for the hidden words. */
  async function fill(): Promise<void> {
    const asked = ++version;
    const sentence = words();
    if (hidden.size === 0) return clear();
    try {
      const found = await computer().call("complete", sentence);
      if (asked === version) showGuesses(sentence, found);
    } catch (error) {
      tell(error);
    }
  }

  function tell(error: unknown): void {
    clear();
    verdict.textContent = `This failed: ${(error as Error).message}`;
  }

  /** Nothing is said of a sentence that is no longer there. */
  function clear(): void {
    verdict.replaceChildren();
    guesses.replaceChildren();
  }

  function showGuesses(
    sentence: readonly Word[],
    found: readonly Guesses[],
  ): void {
    const rest = [...found];
    verdict.replaceChildren(
      ...sentence.flatMap(({ text, isAfterSpace, isHidden }) => [
        ...isAfterSpace ? [" "] : [],
        isHidden ? make("mark", {}, rest.shift()![0]!.text) : text,
      ]),
    );
    const texts = sentence.filter(({ isHidden }) => isHidden);
    guesses.replaceChildren(
      ...found.map((guesses, at) =>
        row(
          texts[at]!.text,
          ...guesses.map(({ text, share }) =>
            `${text} ${(100 * share).toFixed(0)}\u00a0%`
          ),
        )
      ),
    );
  }
}

/** A word that the model has no single piece for. */
function plain(text: string): HTMLElement {
  return make("span", {}, text);
}
