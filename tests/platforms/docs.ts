/** What the documentation says one should type. @module */
import { ROOT } from "./shell.ts";

const pages = [
  ...["attention", "choosing", "data", "models", "platforms", "tutorial"],
];
const text = (await Promise.all(
  pages.map((page) => Deno.readTextFile(`${ROOT}docs/${page}.md`)),
)).join("\n");

/** The text below a heading, up to the next one that is as high. */
function section(heading: string): string {
  const level = heading.slice(0, heading.indexOf(" "));
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new RangeError(`docs has no heading "${heading}"`);
  const rest = text.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, "m"));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The blocks of code of a language in a section. */
export function blocks(heading: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm");
  return [...section(heading).matchAll(fence)].map(([, code]) => code!);
}

/** A row of the table of permissions: what needs them, and the flags. */
export interface Permissions {
  readonly what: string;
  readonly flags: readonly string[];
}

/** The table of permissions. */
export function permissions(): Permissions[] {
  const rows = section("## Permissions").matchAll(/^\| ([^|]+)\|([^|]+)\|/gm);
  return [...rows].slice(2).map(([, what, flags]) => ({
    what: what!.trim(),
    flags: [...flags!.matchAll(/`(--allow-[a-z]+)`/g)].map(([, flag]) => flag!),
  }));
}
