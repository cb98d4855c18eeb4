/** Faults of doc comments that `deno doc` does not see, and that hover texts show. @module */

/** A doc comment that should be written otherwise. */
export interface CommentFault {
  /** The line on which the comment begins, counted from 1. */
  readonly line: number;
  /** What is wrong with it. */
  readonly fault: string;
}

/** Tags that a comment has once. */
const ONCE = ["@default", "@module", "@returns"];

/**
 * The faults of all doc comments of a source: a tag that should be there once and
 * is there twice, a tag without a text, and code or a link that does not end.
 */
export function commentFaults(source: string): CommentFault[] {
  const faults: CommentFault[] = [];
  for (const { 0: comment, index } of source.matchAll(/\/\*\*[^]*?\*\//g)) {
    const line = source.slice(0, index).split("\n").length;
    const text = textOf(comment);
    const add = (fault: string) => faults.push({ line, fault });
    for (const tag of ONCE) {
      const count = text.split(new RegExp(`${tag}\\b`)).length - 1;
      if (count > 1) add(`it has ${tag} ${count} times`);
    }
    if (/@default\s*(?=@|$)/.test(text)) add("its @default says nothing");
    for (const [, name] of duplicates(text.matchAll(/@param (\S+)/g))) {
      add(`it has @param ${name} twice`);
    }
    if (text.split("`").length % 2 === 0) add("its code does not end: `");
    if (/\{@link[^}]*(\{|$)/.test(text)) add("its link does not end: {@link");
  }
  return faults;
}

/** The matches whose first group an earlier one has. */
function duplicates(matches: Iterable<RegExpMatchArray>): RegExpMatchArray[] {
  const seen = new Set<string>();
  return [...matches].filter(([, name]) => seen.has(name!) || !seen.add(name!));
}

/** A comment's text, without its stars and its blocks of code. */
function textOf(comment: string): string {
  return comment.slice(3, -2).split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "")).join("\n")
    .replaceAll(/^```[^]*?^```$/gm, "").trim();
}
