/** Texts by language, to train on and to test on, and pieces of them. @module */
import { below, type Random } from "@lionjs/data/batches";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import { sha256Of } from "../../../lib/base/files.ts";
import { LANGUAGES, lettersOf } from "../../../models/languages/text/mod.ts";
import { decoded } from "../html.ts";
import { type ReadSource, readSource, SOURCES } from "./sources.ts";

/** What a language is called by the declaration and by CLDR, where that is not its code. */
interface Names {
  readonly declarations?: readonly string[];
  /** Of CLDR and of the translations; a locale that is missing in one is left out there. */
  readonly locales: readonly string[];
}

/** The names of each language, in the order of its codes. */
const NAMES: Readonly<Record<string, Names>> = {
  afr: { locales: ["af"] },
  ara: { declarations: ["arb"], locales: ["ar"] },
  ast: { locales: ["ast"] },
  aze: { declarations: ["azj_latn"], locales: ["az", "az-AZ"] },
  bel: { locales: ["be"] },
  ben: { locales: ["bn"] },
  bre: { locales: ["br"] },
  bul: { locales: ["bg"] },
  cat: { locales: ["ca"] },
  ces: { locales: ["cs"] },
  cmn: {
    declarations: ["cmn_hans", "cmn_hant"],
    locales: ["zh", "zh-Hant", "zh-HANT"],
  },
  cym: { locales: ["cy"] },
  dan: { locales: ["da"] },
  deu: { declarations: ["deu_1996"], locales: ["de", "de-DE"] },
  ell: { declarations: ["ell_monotonic"], locales: ["el"] },
  eng: { locales: ["en", "en-GB"] },
  epo: { locales: ["eo"] },
  est: { locales: ["et"] },
  eus: { locales: ["eu"] },
  fas: { declarations: ["pes_1", "pes_2"], locales: ["fa"] },
  fin: { locales: ["fi"] },
  fra: { locales: ["fr", "fr-FR"] },
  gla: { locales: ["gd"] },
  gle: { locales: ["ga"] },
  glg: { locales: ["gl"] },
  guj: { locales: ["gu"] },
  heb: { locales: ["he"] },
  hin: { locales: ["hi"] },
  hrv: { locales: ["hr"] },
  hun: { locales: ["hu"] },
  hye: { locales: ["hy"] },
  ind: { locales: ["id"] },
  isl: { locales: ["is"] },
  ita: { locales: ["it", "it-IT"] },
  jpn: { locales: ["ja"] },
  kan: { locales: ["kn"] },
  kat: { locales: ["ka"] },
  kaz: { locales: ["kk"] },
  khm: { locales: ["km"] },
  kor: { locales: ["ko"] },
  kur: { declarations: ["kmr"], locales: ["ku"] },
  lav: { locales: ["lv"] },
  lit: { locales: ["lt"] },
  mal: { locales: ["ml"] },
  mar: { locales: ["mr"] },
  mkd: { locales: ["mk"] },
  mon: { declarations: ["khk"], locales: ["mn"] },
  mya: { locales: ["my"] },
  nep: { locales: ["ne"] },
  nld: { locales: ["nl", "nl-NL"] },
  nno: { locales: ["nn"] },
  nob: { locales: ["no", "no-NB", "no-NO"] },
  oci: { declarations: ["lnc"], locales: ["oc"] },
  pan: { locales: ["pa"] },
  pol: { locales: ["pl"] },
  por: {
    declarations: ["por_PT", "por_BR"],
    locales: ["pt", "pt-PT", "pt-BR"],
  },
  ron: { declarations: ["ron_2006"], locales: ["ro"] },
  rus: { locales: ["ru"] },
  sin: { locales: ["si"] },
  slk: { locales: ["sk"] },
  slv: { locales: ["sl"] },
  spa: { locales: ["es", "es-ES", "es-MX"] },
  sqi: { declarations: ["als"], locales: ["sq"] },
  srp: { declarations: ["srp_cyrl"], locales: ["sr"] },
  swe: { locales: ["sv", "sv-SE"] },
  tam: { locales: ["ta"] },
  tel: { locales: ["te"] },
  tgk: { locales: ["tg"] },
  tha: { locales: ["th"] },
  tur: { locales: ["tr"] },
  uig: { declarations: ["uig_arab"], locales: ["ug"] },
  ukr: { locales: ["uk"] },
  urd: { locales: ["ur"] },
  uzb: { declarations: ["uzn_latn"], locales: ["uz"] },
  vie: { locales: ["vi"] },
  xho: { locales: ["xh"] },
};

/** Texts of a language, as the model reads them. */
export interface Texts {
  /** Articles of the declaration. */
  readonly articles: readonly string[];
  /** Names and words. */
  readonly entries: readonly string[];
}

/** A text of a known language. */
export interface Labelled {
  readonly text: string;
  /** Its place among the languages. */
  readonly language: number;
}

/** A package as it was read, and how many of its texts are trained or tested on. */
export interface CorpusSource extends Omit<ReadSource, "root"> {
  readonly examples: number;
}

/** All texts. */
export interface Corpus {
  /** By the languages' places. */
  readonly train: readonly Texts[];
  readonly validation: readonly Texts[];
  /** Other text, which nothing is trained on. */
  readonly others: readonly Labelled[];
  /** Texts that were left out of the tests, since they are trained on. */
  readonly leaks: number;
  readonly sources: readonly CorpusSource[];
}

/** The articles that are kept for validation. */
const FIRST_KEPT = 25;

/** Words that so many languages share tell nothing. */
const SHARED = 6;

/** Reads all texts from a file of the folder, which is made if need be. */
export async function readCorpus(folder: string): Promise<Corpus> {
  const file = `${folder}/corpus.json`;
  const kept = await readJSON<Corpus>(file) ?? await corpusOf(folder);
  await writeJSON(file, kept);
  return kept;
}

async function corpusOf(folder: string): Promise<Corpus> {
  const read: Record<string, ReadSource> = {};
  for (const [name, source] of Object.entries(SOURCES)) {
    read[name] = await readSource(folder, source);
  }
  const train: Texts[] = [], validation: Texts[] = [];
  const examples = new Map<string, number>();
  const count = (source: keyof typeof SOURCES, more: number) =>
    examples.set(source, (examples.get(source) ?? 0) + more);
  const found = await Promise.all(
    LANGUAGES.map(async (code) => ({
      articles: await articlesOf(read["udhr"]!.root, code),
      entries: await entriesOf(read, code),
    })),
  );
  const languagesOf = new Map<string, number>();
  for (const { entries } of found) {
    for (const text of new Set(entries.map(({ text }) => text))) {
      languagesOf.set(text, (languagesOf.get(text) ?? 0) + 1);
    }
  }
  for (const { articles, entries } of found) {
    const own = entries.filter(({ text }) => languagesOf.get(text)! < SHARED);
    const part = (isKept: boolean) =>
      own.filter(({ key }) => keptBy(key) === isKept);
    const known = new Set(part(false).map(({ text }) => text));
    const textsOf = (entries: readonly Entry[]) => [
      ...new Set(entries.map(({ text }) => text)),
    ];
    count("udhr", articles.filter(({ number }) => number < FIRST_KEPT).length);
    part(false).forEach(({ source }) => count(source, 1));
    train.push({
      articles: articles.filter(({ number }) => number < FIRST_KEPT)
        .map(({ text }) => text),
      entries: textsOf(part(false)),
    });
    validation.push({
      articles: articles.filter(({ number }) => number >= FIRST_KEPT)
        .map(({ text }) => text),
      entries: textsOf(part(true)).filter((text) => !known.has(text)),
    });
  }
  const all = await translationsOf(read["tables"]!.root);
  const trained = train.map(({ articles, entries }) =>
    new Set([...articles, ...entries])
  );
  const others = all.filter(({ text, language }) =>
    !trained[language]!.has(text)
  );
  count("tables", others.length);
  return {
    ...{ train, validation, others },
    leaks: all.length - others.length,
    sources: Object.entries(read).map(([name, { root: _, ...rest }]) => ({
      ...rest,
      examples: examples.get(name) ?? 0,
    })),
  };
}

/** Articles of the declaration in a language; number 0 is what comes before them. */
async function articlesOf(
  root: string,
  code: string,
): Promise<{ number: number; text: string }[]> {
  const articles: { number: number; text: string }[] = [];
  for (const name of NAMES[code]!.declarations ?? [code]) {
    const html = await Deno.readTextFile(`${root}declaration/${name}.html`);
    const body = html.slice(html.indexOf("<body"));
    for (const part of body.split("<article").values()) {
      const number = Number(/^ data-number="(\d+)"/.exec(part)?.[1] ?? 0);
      const plain = decoded(
        part.replace(/^[^>]*>/, "").replaceAll(/<[^>]*>/g, " "),
      );
      articles.push({ number, text: lettersOf(plain) });
    }
  }
  return articles;
}

/** A name or a word of CLDR, and what it names, which is the same in all languages. */
interface Entry {
  readonly source: keyof typeof SOURCES;
  readonly key: string;
  readonly text: string;
}

/** The files of CLDR that are read, and which of their fields. */
const FILES: readonly {
  source: keyof typeof SOURCES;
  path: (locale: string) => string;
  fields: RegExp;
}[] = [
  {
    source: "annotations",
    path: (locale) => `annotations/${locale}/annotations.json`,
    fields: /^annotations\/annotations\//,
  },
  ...["languages", "territories"].map((name) => ({
    source: "names" as const,
    path: (locale: string) => `main/${locale}/${name}.json`,
    fields: /\/localeDisplayNames\//,
  })),
  {
    source: "dates",
    path: (locale) => `main/${locale}/dateFields.json`,
    fields: /\/fields\//,
  },
  {
    source: "dates",
    path: (locale) => `main/${locale}/timeZoneNames.json`,
    fields: /\/(zone|metazone)\//,
  },
  {
    source: "units",
    path: (locale) => `main/${locale}/units.json`,
    fields: /\/units\/long\//,
  },
];

async function entriesOf(
  read: Readonly<Record<string, ReadSource>>,
  code: string,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const locale of NAMES[code]!.locales) {
    for (const { source, path, fields } of FILES) {
      const file = read[source]!.root + path(locale);
      const text = await Deno.readTextFile(file).catch(() => undefined);
      if (text === undefined) continue;
      for (const [place, value] of stringsIn(JSON.parse(text), "")) {
        if (!fields.test(place) || /\/_|gender$/.test(place)) continue;
        const letters = lettersOf(value.replaceAll(/\{\d\}/g, " "));
        // One emoji's name and keywords stay together.
        const key = place.replace(`main/${locale}/`, "")
          .replace(/(\/annotations\/[^/]+).*/s, "$1");
        if (letters.length > 2) entries.push({ source, key, text: letters });
      }
    }
  }
  return entries;
}

/** All strings in a value, with the names that lead to them. */
function* stringsIn(
  value: unknown,
  place: string,
): Generator<[place: string, text: string]> {
  if (typeof value === "string") yield [place, value];
  else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield* stringsIn(inner, place === "" ? name : `${place}/${name}`);
    }
  }
}

/** Whether one entry of ten is for validation, by what it names. */
function keptBy(key: string): boolean {
  const hash = sha256Of(new TextEncoder().encode(key));
  return parseInt(hash.slice(0, 8), 16) % 10 === 0;
}

/** Translations of a program's strings, without what several languages share. */
async function translationsOf(root: string): Promise<Labelled[]> {
  const found = new Map<string, Set<number>>();
  for (const [language, code] of LANGUAGES.entries()) {
    for (const locale of NAMES[code]!.locales) {
      // This file is in Sorani, and all other Kurdish is Kurmanji.
      if (locale === "ku") continue;
      const file = `${root}i18n/${locale}.json`;
      const text = await Deno.readTextFile(file).catch(() => undefined);
      if (text === undefined) continue;
      for (const [, value] of stringsIn(JSON.parse(text), "")) {
        if (/&(?!lt|gt|amp|quot)\w+;/.test(value)) continue;
        const plain = decoded(decoded(value)).replaceAll(/<[^>]*>/g, " ")
          .replaceAll(/_[A-Z]+_|%[a-z]+/g, " ");
        const letters = lettersOf(plain);
        if (letters.length < 8 || letters.length > 140) continue;
        const known = found.get(letters) ?? new Set();
        found.set(letters, known.add(language));
      }
    }
  }
  return [...found].filter(([, languages]) => languages.size === 1)
    .map(([text, [language]]) => ({ text, language: language! }));
}

/** The shortest and the longest piece, in letters. */
export const PIECE = { shortest: 8, longest: 140 };

/** The share of pieces that are of the declaration. */
const DECLARED = 0.35;

/** The length of a piece: short ones are as likely as long ones. */
export function drawLength(random: Random): number {
  const { shortest, longest } = PIECE;
  return Math.round(shortest * (longest / shortest) ** random());
}

/** A piece of a language's texts, of about so many letters. */
export function drawPiece(
  texts: Texts,
  random: Random,
  length = drawLength(random),
): string {
  const { articles, entries } = texts;
  const pick = (from: readonly string[]) => from[below(from.length, random)]!;
  if (entries.length === 0 || random() < DECLARED) {
    const article = pick(articles);
    const start = below(Math.max(1, article.length - length), random);
    // Most pieces begin where a word does.
    const space = random() < 0.8 ? article.indexOf(" ", start) + 1 : start;
    return cut(article.slice(space), length);
  }
  let piece = pick(entries);
  while (piece.length < length && random() < 0.8) piece += ` ${pick(entries)}`;
  return cut(piece, length);
}

/** The first letters of a text; none is cut apart. */
function cut(text: string, length: number): string {
  const piece = text.slice(0, length).trim();
  return /[\ud800-\udbff]$/.test(piece) ? piece.slice(0, -1) : piece;
}

/** Texts for a run that needs no network, of which nothing can be learned. */
export function madeUpCorpus(): Corpus {
  const texts = LANGUAGES.map((code) => ({
    articles: [`all people of ${code} are born free and equal in rights`],
    entries: [`${code} house`, `${code} tree`, `an hour of ${code}`],
  }));
  return {
    ...{ train: texts, validation: texts, leaks: 0, sources: [] },
    others: [{ text: "nothing else", language: 0 }],
  };
}
