/** Functions of Python's strings, for data sets that were made with them. @module */

/** The white space of Python's `str.isspace`: not U+FEFF, but U+001C to U+001F and U+0085. */
const SPACE =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const START = new RegExp(`^[${SPACE}]+`);
const LAST_SPACE = new RegExp(`[${SPACE}]`);

/** A text without white space around it, as Python's `str.strip()` gives it. */
export function strip(text: string): string {
  let end = text.length;
  // An expression would try each run of spaces again from each of them.
  while (end > 0 && LAST_SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end).replace(START, "");
}

/** The first characters of a text, as Python counts them: by code points, `text[:count]`. */
export function firstCharacters(text: string, count: number): string {
  if (text.length <= count) return text;
  let end = 0;
  for (let i = 0; i < count && end < text.length; i++) {
    end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

/** A text with its lines ended by "\n", as Python's `open(…)` reads them. */
export function withNewlines(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}
