/// <reference lib="dom" />
/** Search in the documentation, in each page that has a place for it. @module */
import { make } from "./elements.ts";
import {
  find,
  type Findable,
  type Found,
  type Index,
  indexOf,
  type Part,
} from "./find.ts";

/** This program lies at the root of the site. */
const INDEX = new URL("search.json", import.meta.url);

/** Fills an element with a box to type in and a list of what is found. */
function addSearch(place: HTMLElement): void {
  const input = make("input", {
    ...{ type: "search", placeholder: "Search", autocomplete: "off" },
    maxlength: "100",
    ...{ "aria-label": "Search the documentation", "aria-controls": "found" },
  });
  const status = make("p", { role: "status" });
  const list = make("ol", { id: "found" });
  const panel = make("div", { class: "found" }, status, list);
  let index: Promise<Index> | undefined;
  panel.hidden = true;
  place.append(input, panel);

  input.addEventListener("focus", () => void loaded().catch(() => {}));
  input.addEventListener("input", () => void show());
  input.addEventListener("keydown", (event) => {
    // An editor of letters that keyboards lack has Enter for itself.
    if (event.isComposing) return;
    if (event.key === "Enter") void show().then(() => links()[0]?.click());
  });
  place.addEventListener("keydown", move);
  // Where a click gives no other element the focus, its own listener decides.
  place.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !place.contains(relatedTarget as Node)) {
      panel.hidden = true;
    }
  });
  document.addEventListener("click", ({ target }) => {
    if (!place.contains(target as Node)) panel.hidden = true;
  });

  /** The index is asked for when somebody wants to search, and again if it did not come. */
  function loaded(): Promise<Index> {
    index ??= fetch(INDEX).then(async (response) => {
      if (!response.ok) throw new Error(`${response.status} of search.json`);
      return indexOf(await response.json() as Findable[]);
    }).catch((error) => {
      index = undefined;
      throw error;
    });
    return index;
  }

  async function show(): Promise<void> {
    const query = input.value;
    try {
      const found = find(await loaded(), query);
      if (input.value !== query) return; // a later one answers
      panel.hidden = query.trim() === "";
      list.replaceChildren(...found.map(itemOf));
      status.textContent = found.length === 0
        ? "Nothing found"
        : `${found.length} found: choose with arrow keys, open with Enter`;
    } catch (error) {
      panel.hidden = false;
      status.textContent = `Search failed: ${(error as Error).message}`;
    }
  }

  function links(): HTMLAnchorElement[] {
    return panel.hidden ? [] : [...list.querySelectorAll("a")];
  }

  /** From the box through what was found, and back. */
  function move(event: KeyboardEvent): void {
    const stops: HTMLElement[] = [input, ...links()];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape") {
      panel.hidden = true;
      input.focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || stops.length === 1) return;
    event.preventDefault();
    stops[(at + step + stops.length) % stops.length]!.focus();
  }
}

function itemOf({ url, title, from, snippet }: Found): HTMLLIElement {
  return make(
    "li",
    {},
    make("a", { href: new URL(url, INDEX).href }, ...title.map(partOf)),
    ...from ? [" ", make("small", {}, from)] : [],
    ...snippet.length > 0 ? [make("p", {}, ...snippet.map(partOf))] : [],
  );
}

function partOf({ text, isFound }: Part): Node | string {
  return isFound ? make("mark", {}, text) : text;
}

for (const place of document.querySelectorAll<HTMLElement>("search")) {
  addSearch(place);
}
