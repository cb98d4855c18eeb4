/// <reference lib="dom" />
/** Search in the documentation: all words of a query, titles first. @module */
import { byId, make } from "./elements.ts";
import { find, type Findable, surroundings } from "./find.ts";

/** This program lies at the root of the site. */
const INDEX = new URL("search.json", import.meta.url);

const input = byId("search", HTMLInputElement);
const list = byId("found", HTMLOListElement);
let index: Promise<Findable[]> | undefined;

input.addEventListener("input", async () => {
  const query = input.value;
  index ??= fetch(INDEX).then((response) => response.json());
  const found = find(await index, query);
  if (input.value !== query) return; // a later one answers
  list.hidden = query.trim() === "";
  list.replaceChildren(
    ...found.map((one) =>
      make(
        "li",
        {},
        make("a", { href: new URL(one.url, INDEX).href }, one.title),
        make("p", {}, surroundings(one.text, query)),
      )
    ),
    ...(found.length === 0 ? [make("li", {}, "nothing found")] : []),
  );
});
