/// <reference lib="dom" />
/** A text in which a word shows what it hears from both sides. @module */
import type { DiffusionCalls } from "../calls.ts";
import type { Computer } from "../computer.ts";
import { byId, make } from "../elements.ts";
import { duration } from "../million/words.ts";
import type { Heard, ReadText } from "./calls.ts";

/** Read at first, and its word that is chosen. */
const FIRST = {
  text:
    "The name of the table is used by the query. If the file does not exist, a new database is created when the first connection is opened.",
  word: 4,
} as const;

/** A long text, which lies beside the page. */
const GUIDE = "texts/guide.txt";

/** Words that are shown before the chosen one, and after it. */
const AROUND = 150;

/** Words at the ends of those that are shown from which on others are. */
const MARGIN = 20;

/** Words of each side that are told. */
const TOLD = 3;

/** Fills the panel, and keeps it up to date. */
export function listenPanel(computer: () => Computer<DiffusionCalls>): void {
  const section = byId("listen-panel", HTMLElement);
  const place = byId("listen-text", HTMLElement);
  const slider = byId("listen-word", HTMLInputElement);
  const status = byId("listen-status", HTMLElement);
  const heard = byId("listen-heard", HTMLElement);
  const pasted = byId("listen-pasted", HTMLTextAreaElement);
  const file = byId("listen-file", HTMLInputElement);
  let text: ReadText | undefined;
  /** The first word that is shown: pressing one of those shown moves nothing. */
  let shown = 0;
  /** Counts what was asked: older answers no longer matter. */
  let version = 0;

  const take = (given: Promise<string>, word = 0) => void read(given, word);
  byId("listen-sentence", HTMLButtonElement).addEventListener(
    "click",
    () => take(Promise.resolve(FIRST.text), FIRST.word),
  );
  byId("listen-guide", HTMLButtonElement).addEventListener(
    "click",
    () => take(guide()),
  );
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) take(chosen.text());
  });
  pasted.addEventListener("change", () => {
    if (pasted.value.trim()) take(Promise.resolve(pasted.value));
  });
  section.addEventListener("dragover", (event) => event.preventDefault());
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    const [dropped] = event.dataTransfer?.files ?? [];
    if (dropped) take(dropped.text());
  });
  slider.addEventListener("input", () => void choose(Number(slider.value) - 1));
  place.addEventListener("click", ({ target }) => {
    const word = (target as HTMLElement).dataset["word"];
    if (word !== undefined) void choose(Number(word));
  });
  // The model is loaded when somebody comes by.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    if (version === 0) take(Promise.resolve(FIRST.text), FIRST.word);
  }).observe(section);

  async function read(given: Promise<string>, word: number): Promise<void> {
    const asked = ++version;
    status.textContent = "Reading …";
    try {
      const found = await computer().call("readText", await given);
      if (asked !== version) return;
      text = found;
      shown = 0;
      slider.max = `${Math.max(1, found.words.length)}`;
      slider.disabled = found.words.length === 0;
      heard.textContent = "";
      status.textContent = told(found);
      if (found.words.length === 0) return place.replaceChildren();
      await choose(Math.min(word, found.words.length - 1));
    } catch (error) {
      if (asked === version) tell(error);
    }
  }

  async function choose(word: number): Promise<void> {
    if (!text) return;
    const asked = ++version, from = text;
    slider.value = `${word + 1}`;
    slider.setAttribute("aria-valuetext", from.words[word]!);
    try {
      const found = await computer().call("hear", word);
      if (asked !== version) return;
      show(from, word, found);
    } catch (error) {
      if (asked === version) tell(error);
    }
  }

  function tell(error: unknown): void {
    status.textContent = `This failed: ${(error as Error).message}`;
  }

  function show(
    { words, isAfterSpace }: ReadText,
    chosen: number,
    { first, before, after, milliseconds }: Heard,
  ): void {
    const strongest = (side: Float32Array) =>
      side.reduce(
        (most, share, at) =>
          first + at === chosen ? most : Math.max(most, share),
        1e-6,
      );
    const most = { before: strongest(before), after: strongest(after) };
    if (Math.abs(chosen - (shown + AROUND)) > AROUND - MARGIN) {
      shown = Math.max(0, chosen - AROUND);
    }
    const from = shown, end = Math.min(words.length, from + 2 * AROUND + 1);
    const parts: (Node | string)[] = from > 0 ? ["… "] : [];
    for (let word = from; word < end; word++) {
      const side = word < chosen ? "before" : "after";
      const share = { before, after }[side][word - first] ?? 0;
      const part = make(
        "span",
        {
          "data-word": `${word}`,
          class: word === chosen ? "chosen" : `heard ${side}`,
        },
        words[word]!,
      );
      if (word !== chosen) {
        // Weak ones show, too.
        const tint = Math.sqrt(share / most[side]);
        part.style.setProperty("--share", tint.toFixed(3));
      }
      parts.push(isAfterSpace[word] && word > from ? " " : "", part);
    }
    if (end < words.length) parts.push(" …");
    const { scrollTop } = place;
    place.replaceChildren(...parts);
    const line = place.querySelector<HTMLElement>(".chosen")!.offsetTop -
      place.offsetTop;
    const height = place.clientHeight;
    const isSeen = line > scrollTop && line < scrollTop + height * 0.9;
    place.scrollTop = isSeen ? scrollTop : line - height / 2;
    const side = (shares: Float32Array) => {
      const best = [...shares.entries()]
        .filter(([at, share]) => first + at !== chosen && share >= 0.005)
        .sort(([, a], [, b]) => b - a).slice(0, TOLD)
        .map(([at, share]) =>
          `${words[first + at]} ${(100 * share).toFixed(0)}\u00a0%`
        );
      return best.length > 0 ? best.join(", ") : "nothing";
    };
    heard.textContent = `“${words[chosen]}” hears, before it: ${
      side(before)
    }; after it: ${side(after)}. Computed in ${duration(milliseconds)}.`;
  }
}

async function guide(): Promise<string> {
  const response = await fetch(GUIDE);
  if (response.ok) return await response.text();
  throw new Error(`${GUIDE} should be there, got ${response.status}`);
}

function told({ words, tokens, isCut, milliseconds }: ReadText): string {
  if (words.length === 0) return "There is no word in this text.";
  const count = (number: number) => number.toLocaleString("en");
  return `${count(words.length)} words and signs, ${
    count(tokens)
  } tokens, read in ${duration(milliseconds)}.${
    isCut ? " The rest of the text is left out." : ""
  }`;
}
