/** Paragraphs of manuals that Debian distributes, whose licences let weights be given away. @module */
import { sha256Of } from "../../../lib/base/files.ts";
import { CannotBegin } from "@lionjs/recipes/needed_files";
import { decoded } from "../html.ts";

/** A package of Debian, whose text is under one licence. */
export interface Manual {
  readonly name: string;
  readonly licence: string;
  /** The folders of its pages. */
  readonly pages: readonly string[];
}

/** The manuals that models may be trained on. */
export const MANUALS: readonly Manual[] = [
  {
    name: "postgresql-doc-17",
    licence: "PostgreSQL licence",
    pages: ["usr/share/doc/postgresql-doc-17/html"],
  },
  {
    name: "sqlite3-doc",
    licence: "public domain",
    pages: ["usr/share/doc/sqlite3"],
  },
  {
    name: "python3.13-doc",
    licence: "PSF-2.0",
    pages: ["usr/share/doc/python3.13/html"],
  },
];

/** A manual as it was read. */
export interface ReadManual extends Manual {
  readonly version: string;
  readonly sha256: string;
  /** Its copyright file, which goes with the weights. */
  readonly notice: string;
}

/** Paragraphs by part; each stands in one file, and in one part. */
export interface Parts {
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/** The paragraphs of manuals. */
export interface Paragraphs extends Parts {
  readonly manuals: readonly ReadManual[];
}

/**
 * Reads manuals from packages of Debian, which are downloaded by apt-get where they are
 * not in the folder yet.
 *
 * @throws {CannotBegin} If there is no apt-get, or it cannot download them.
 */
export async function readManuals(folder: string): Promise<Paragraphs> {
  const manuals: ReadManual[] = [], train: string[] = [], test: string[] = [];
  const seen = new Set<string>();
  for (const manual of MANUALS) {
    const read = await readManual(folder, manual, seen);
    manuals.push(read.manual);
    for (const text of read.train) train.push(text);
    for (const text of read.test) test.push(text);
  }
  return { manuals, train, test };
}

/**
 * Reads a manual from its package, which is downloaded if need be.
 *
 * @param seen Paragraphs that are left out; gets those that are read.
 * @throws {CannotBegin} If there is no apt-get, or it cannot download the package.
 */
export async function readManual(
  folder: string,
  manual: Manual,
  seen: Set<string>,
): Promise<Parts & { readonly manual: ReadManual }> {
  const train: string[] = [], test: string[] = [];
  const file = await packageFile(folder, manual.name);
  const root = `${folder}/${manual.name}`;
  await run("dpkg", ["-x", file, root], folder);
  for (const pages of manual.pages) {
    for (const path of await pagesIn(`${root}/${pages}`)) {
      const name = path.slice(root.length + 1);
      const part = isHeldOut(name) ? test : train;
      for (const text of paragraphsOf(await Deno.readTextFile(path))) {
        if (!seen.has(text)) part.push(text);
        seen.add(text);
      }
    }
  }
  return {
    manual: {
      ...manual,
      version: decodeURIComponent(file.split("_")[1]!),
      sha256: sha256Of(await Deno.readFile(file)),
      notice: await Deno.readTextFile(
        `${root}/usr/share/doc/${manual.name}/copyright`,
      ),
    },
    train,
    test,
  };
}

/**
 * A notice as it goes with weights: all copyrights and licences, without the addresses
 * from which Debian took the sources.
 */
export function noticeText(copyright: string): string {
  return copyright.replace(/^Source:.*\n(?:[ \t].*\n)*/m, "");
}

/** One file of ten is for tests, by its name. */
export function isHeldOut(name: string): boolean {
  return parseInt(sha256Of(new TextEncoder().encode(name)).slice(0, 8), 16) %
      10 === 0;
}

/** The paragraphs of a page that are prose: long enough, and with an end. */
export function paragraphsOf(html: string): string[] {
  const texts = html.split(/<p\b[^>]*>/i).slice(1)
    .map((rest) =>
      rest.split(/<\/p>|<\/?(?:pre|ul|ol|dl|table|h\d|div)\b/i)[0]!
    )
    .map((inner) => decoded(inner.replaceAll(/<[^>]*>/g, "")))
    .map((text) => text.replaceAll(/\s+/g, " ").trim());
  return texts.filter((text) => text.length >= 60 && /[.!?]$/.test(text));
}

/** The file of a package; downloads it if need be. */
export async function packageFile(
  folder: string,
  name: string,
): Promise<string> {
  const find = async () => {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.map((entry) => entry.name)
      .find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  };
  if (!await find()) await run("apt-get", ["download", "-q", name], folder);
  return `${folder}/${await find()}`;
}

/** Runs a command in a folder, or says what is missing. */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<void> {
  const relative = args.map((arg) => arg.replace(`${cwd}/`, ""));
  const { success, stderr } = await new Deno.Command(command, {
    args: relative,
    cwd,
  }).output().catch((cause) => {
    throw new CannotBegin(
      `manuals come from packages of Debian, and ${command} is not there`,
      { cause },
    );
  });
  if (success) return;
  throw new CannotBegin(
    `${command} ${relative.join(" ")} failed: ${
      new TextDecoder().decode(stderr)
    }`,
  );
}

/** All HTML files in a folder, in order. */
async function pagesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await pagesIn(path));
    else if (name.endsWith(".html")) found.push(path);
  }
  return found.sort();
}
