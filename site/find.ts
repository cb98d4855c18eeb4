/** Finding what readers ask for in texts. @module */
import MiniSearch, { type Query, type SearchResult } from "minisearch";
import { stemmer } from "stemmer";

/** Something to be found. */
export interface Findable {
  readonly url: string;
  readonly title: string;
  /** The title of the page that it is a part of, if that is another. */
  readonly page?: string | undefined;
  /** What the page is about, in other words than its own. */
  readonly about?: string | undefined;
  /** Sentences. */
  readonly text: string;
  /** Tables and programs, of which no part is shown. */
  readonly rest?: string | undefined;
  /** Shown beside the title. */
  readonly from?: string | undefined;
  /** What it counts beside others. @default 1 */
  readonly weight?: number | undefined;
}

/** A part of a text, and whether it is what was asked for. */
export interface Part {
  readonly text: string;
  readonly isFound: boolean;
}

/** What was found. */
export interface Found {
  readonly url: string;
  readonly title: readonly Part[];
  readonly from?: string | undefined;
  /** The text around the words that were found, or its beginning. */
  readonly snippet: readonly Part[];
}

/** An index that can be searched. */
export type Index = MiniSearch<Findable>;

/** Queries of which all or some are to be found. */
type Combined = Exclude<Query, string | symbol>;

/** Results at most, and those of one page. */
const [MOST, MOST_OF_PAGE] = [10, 3];

/** Characters of a snippet, and how many of them may stand before what was found. */
const [SHOWN, BEFORE] = [170, 50];

/** What each field counts: a title says what a section is about. */
const WEIGHTS = { title: 4, page: 1.5, about: 1.5, text: 1, rest: 0.3 };

/** What all words of a query must be found in to count as an answer to it. */
const LEAST_OF_ANSWERS = 0.5;

/** What a result counts more whose whole title was asked for. */
const WHOLE_TITLE = 4;

/** Words that questions have and answers lack. */
const STOPPED = new Set(
  "a an and are as at be by can do does for from get how i in is it me my no not of on or out the this to up use what when where which who why with you your"
    .split(" "),
);

/** What else the documentation calls what readers ask for. */
const ALSO: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    cpu: ["wasm"],
    crash: ["error"],
    cuda: ["gpu"],
    dataset: ["data"],
    demo: ["try", "example"],
    export: ["save", "write"],
    fast: ["speed", "slow"],
    float16: ["f16"],
    fp16: ["f16"],
    mixed: ["half"],
    multiple: ["several"],
    oom: ["memory"],
    plot: ["figure", "draw"],
    rnn: ["recurrent"],
    rope: ["rotary"],
    slow: ["speed", "fast"],
    speed: ["fast", "slow"],
    stop: ["end"],
    upload: ["push", "save"],
    variable: ["different"],
    visualize: ["figure", "draw"],
  }).map(([word, also]) => [stemmer(word), also]),
);

/** Letters of a word that may be two. */
const [LEAST_SPLIT, MOST_SPLIT] = [6, 30];

/** The words of a text, and the parts of names such as `lionAttention`. */
function wordsOf(text: string): string[] {
  return (text.match(/[\p{L}\p{N}]+/gu) ?? []).flatMap((word) => [
    word,
    ...partsOf(word),
  ]);
}

/** The parts of a name that has several. */
function partsOf(word: string): string[] {
  const parts = word.match(/\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})/gu) ?? [];
  return parts.length > 1 ? parts.filter(({ length }) => length > 1) : [];
}

/** What all forms of a word have in common; nothing of one that says nothing. */
function stemOf(word: string): string | null {
  const lower = word.toLowerCase();
  return STOPPED.has(lower) ? null : stemmer(lower);
}

/** Makes an index. */
export function indexOf(all: readonly Findable[]): Index {
  const index = new MiniSearch<Findable>({
    idField: "url",
    fields: Object.keys(WEIGHTS),
    storeFields: ["url", "title", "page", "text", "about", "from", "weight"],
    tokenize: wordsOf,
    processTerm: stemOf,
    searchOptions: {
      boost: WEIGHTS,
      boostDocument: (_url, _term, stored) => Number(stored?.["weight"] ?? 1),
      tokenize: (word) => [word],
    },
  });
  index.addAll(all);
  return index;
}

/**
 * What has all words of a query, or, if nothing that counts much has, what has
 * some. Words may have other endings and small errors.
 */
export function find(index: Index, query: string): Found[] {
  const asked = query.match(/[\p{L}\p{N}]+/gu) ?? [];
  const words = asked.filter((word) => stemOf(word) !== null);
  if (words.length === 0) return [];
  const queries = words.map((word, at) =>
    askedFor(index, word, at === words.length - 1)
  );
  const search = (combineWith: "AND" | "OR") =>
    index.search({ combineWith, queries });
  const whole = asked.join(" ").toLowerCase();
  const weighted = (some: SearchResult[]) =>
    some.map((one) => ({ one, score: scoreOf(one, whole) }))
      .toSorted((a, b) => b.score - a.score).map(({ one }) => one);
  const all = search("AND");
  const isAnswered = all.some(({ weight = 1 }) => weight >= LEAST_OF_ANSWERS);
  const results = weighted(isAnswered ? all : search("OR"));
  const ofPage = new Map<string, number>();
  return results.filter(({ url }) => {
    const [page = ""] = `${url}`.split("#");
    const before = ofPage.get(page) ?? 0;
    ofPage.set(page, before + 1);
    return before < MOST_OF_PAGE;
  }).slice(0, MOST).map(foundOf);
}

/** A word as it may be written: begun, misspelt, in parts, by another name. */
function askedFor(index: Index, word: string, isLast: boolean): Combined {
  const all = (queries: string[]): Combined => ({
    combineWith: "AND",
    queries,
  });
  const parts = partsOf(word);
  const also = ALSO.get(stemmer(word.toLowerCase())) ?? [];
  return {
    combineWith: "OR",
    queries: [
      {
        queries: [word],
        prefix: isLast && word.length > 2,
        // Characters that may differ.
        fuzzy: (stem) => stem.length > 6 ? 2 : stem.length > 4 ? 1 : 0,
      },
      ...parts.length > 1 ? [all(parts)] : [],
      ...splitsOf(index, word).map(all),
      ...also,
    ],
  };
}

/** Two words of the index that were written as one. */
function splitsOf(index: Index, word: string): string[][] {
  const isKnown = (part: string) =>
    index.search(part, { fuzzy: false, prefix: false }).length > 0;
  if (word.length < LEAST_SPLIT || word.length > MOST_SPLIT) return [];
  if (isKnown(word)) return [];
  return Array.from({ length: word.length - 5 }, (_, at) => [
    word.slice(0, at + 3),
    word.slice(at + 3),
  ]).filter((parts) => parts.every(isKnown));
}

/** The score of a result, higher if its title is what was asked for. */
function scoreOf({ score, title }: SearchResult, whole: string): number {
  return `${title}`.toLowerCase() === whole ? WHOLE_TITLE * score : score;
}

function foundOf(
  { url, title, page, text, about, from, match }: SearchResult,
): Found {
  const terms = new Set(Object.keys(match));
  const said = about && placesOf(text, terms).length === 0 ? about : text;
  return {
    url,
    title: markedParts(page ? `${page}: ${title}` : title, terms),
    from,
    snippet: markedParts(around(said, terms), terms),
  };
}

/** Where a text has words that were found: from where to where, and their stems. */
function placesOf(text: string, terms: ReadonlySet<string>) {
  return [...text.matchAll(/[\p{L}\p{N}]+/gu)].flatMap((match) => {
    const stems = wordsOf(match[0]).map(stemOf)
      .filter((stem) => stem !== null && terms.has(stem));
    if (stems.length === 0) return [];
    return [{ from: match.index, to: match.index + match[0].length, stems }];
  });
}

/** A text in parts. */
function markedParts(text: string, terms: ReadonlySet<string>): Part[] {
  const parts: Part[] = [];
  let done = 0;
  for (const { from, to } of placesOf(text, terms)) {
    parts.push(
      { text: text.slice(done, from), isFound: false },
      { text: text.slice(from, to), isFound: true },
    );
    done = to;
  }
  return [...parts, { text: text.slice(done), isFound: false }]
    .filter(({ text }) => text !== "");
}

/** The part of a text that has most of the words. */
function around(text: string, terms: ReadonlySet<string>): string {
  const places = placesOf(text, terms);
  const richness = (start: number) =>
    new Set(
      places.filter(({ from }) => from >= start && from < start + SHOWN)
        .flatMap(({ stems }) => stems),
    ).size;
  const best = places.reduce(
    (best, { from }) => richness(from) > richness(best) ? from : best,
    places[0]?.from ?? 0,
  );
  if (text.length <= SHOWN) return text;
  const wanted = Math.min(best - BEFORE, text.length - SHOWN);
  // Whole words, where there are spaces.
  const start = wanted <= 0 ? 0 : text.indexOf(" ", wanted) + 1;
  const last = text.lastIndexOf(" ", start + SHOWN);
  const end = start + SHOWN >= text.length
    ? text.length
    : last > start
    ? last
    : start + SHOWN;
  return `${start > 0 ? "… " : ""}${text.slice(start, end)}${
    end < text.length ? " …" : ""
  }`;
}
