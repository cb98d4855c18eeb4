/** Text of web pages. @module */

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " },
  ...{ mdash: "—", ndash: "–", rsquo: "’", lsquo: "‘", hellip: "…" },
};

/** A text without HTML's escapes; those that are not known become spaces. */
export function decoded(text: string): string {
  return text.replaceAll(/&(#x?[\da-f]+|\w+);/gi, (_, name: string) => {
    if (!name.startsWith("#")) return ENTITIES[name] ?? " ";
    const code = /^#x/i.test(name)
      ? parseInt(name.slice(2), 16)
      : parseInt(name.slice(1), 10);
    return code <= 0x10FFFF ? String.fromCodePoint(code) : " ";
  });
}
