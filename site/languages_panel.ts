/// <reference lib="dom" />
/** A text that one types, its likeliest languages, and that of each word. @module */
import type { DiffusionCalls, ToldLanguages } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, make } from "./elements.ts";

/** The text at first, in three languages. */
const FIRST =
  "the children are playing in the garden und die Kinder spielen im Garten " +
  "mais les enfants jouent aussi dans la maison";

/** After the last letter, in milliseconds. */
const PAUSE = 150;

/** The tints of languages, in the order in which they first come. */
const TINTS = 5;

/** Fills the panel, and keeps it up to date. */
export function languagesPanel(computer: () => Computer<DiffusionCalls>): void {
  const text = byId("languages-text", HTMLTextAreaElement);
  const verdict = byId("languages-verdict", HTMLElement);
  /** Counts what was asked: older answers no longer matter. */
  let version = 0;
  text.value = FIRST;
  text.addEventListener("input", () => {
    const asked = ++version;
    setTimeout(() => void tell(asked), PAUSE);
  });
  // The weights are fetched when the panel comes into view.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    void tell(++version);
  }).observe(byId("languages-panel", HTMLElement));

  async function tell(asked: number): Promise<void> {
    if (asked !== version) return;
    try {
      const told = await computer().call("tellLanguages", text.value);
      if (asked === version) show(told);
    } catch (error) {
      verdict.textContent = `This failed: ${(error as Error).message}`;
    }
  }

  function show({ shares, words, milliseconds }: ToldLanguages): void {
    const [first] = shares;
    verdict.textContent = first
      ? `${nameOf(first.language)}, told in ${milliseconds.toFixed(0)} ms.`
      : "A text without letters is in no language.";
    byId("languages-bars", HTMLElement).replaceChildren(
      ...shares.map(({ language, share }) => {
        const bar = make("span", { class: "bar" });
        bar.style.setProperty("--share", `${share}`);
        const percent = `${(100 * share).toFixed(1)}\u00a0%`;
        const number = make("span", { class: "share" }, percent);
        return make("li", {}, nameOf(language), bar, number);
      }),
    );
    const seen = [...new Set(words.map(({ language }) => language))];
    byId("languages-words", HTMLElement).replaceChildren(
      ...words.flatMap(({ word, language }) => {
        const tint = `tint-${seen.indexOf(language) % TINTS}`;
        const name = make("sub", {}, language);
        const lang = Intl.getCanonicalLocales(language)[0]!;
        const known = language === "und" ? {} : { lang };
        return [make("span", { class: tint, ...known }, word, name), " "];
      }),
    );
  }
}

const names = new Intl.DisplayNames("en", { type: "language" });

/** The English name of a language, by its code. */
function nameOf(code: string): string {
  return names.of(code) ?? code;
}
