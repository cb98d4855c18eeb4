/** Numbers in JSON that JavaScript cannot hold. @module */
import { shown } from "@lionjs/base";

const MOST = Number.MAX_SAFE_INTEGER;

/**
 * Throws if a text of JSON has a number that becomes another one: an integer
 * beyond 2^53, or a number beyond float64.
 *
 * @param value The result of `JSON.parse` for the text. The text itself is only
 * searched where this has a large number, since that takes longer than parsing.
 */
export function assertExactNumbers(
  where: string,
  text: string,
  value: unknown,
): void {
  if (!hasLargeNumber(value)) return;
  /** The field that a number is in, and those around it. */
  let field: string | undefined;
  const outer: (string | undefined)[] = [];
  let string = "";
  const tokens = /["{}[\]:]|-?\d[-+.\deE]*/g;
  for (let found = tokens.exec(text); found; found = tokens.exec(text)) {
    const [token] = found;
    if (token === '"') {
      const end = endOfString(text, tokens.lastIndex);
      string = text.slice(tokens.lastIndex, end);
      tokens.lastIndex = end + 1;
    } else if (token === ":") field = string;
    else if (token === "{" || token === "[") outer.push(field);
    else if (token === "}" || token === "]") field = outer.pop();
    else if (!isExact(token)) {
      throw new RangeError(
        `${where} should have integers within 2^53, and numbers within float64, got ${
          field === undefined ? "" : `${shown(field)}: `
        }${shown(token).slice(1, -1)}; write it as a string`,
      );
    }
  }
}

function isExact(token: string): boolean {
  const number = Number(token);
  return /^-?\d+$/.test(token)
    ? Number.isSafeInteger(number)
    : Number.isFinite(number);
}

/** The place of the quote that ends a string. */
function endOfString(text: string, start: number): number {
  let at = start;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** Whether a value of JSON is or has a number that an integer may have become. */
function hasLargeNumber(value: unknown): boolean {
  const left: unknown[] = [value];
  // A loop instead of recursion, since brackets may be nested in millions.
  while (left.length > 0) {
    const whole = left.pop();
    if (isLarge(whole)) return true;
    if (typeof whole !== "object" || whole === null) continue;
    if (Array.isArray(whole)) {
      if (hasLargeItem(whole, left)) return true;
      continue;
    }
    for (const name in whole) {
      const part = (whole as Record<string, unknown>)[name];
      if (isLarge(part)) return true;
      if (typeof part === "object" && part !== null) left.push(part);
    }
  }
  return false;
}

function hasLargeItem(items: readonly unknown[], left: unknown[]): boolean {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item === "number") {
      if (item > MOST || item < -MOST) return true;
    } else if (typeof item === "object" && item !== null) left.push(item);
  }
  return false;
}

function isLarge(value: unknown): boolean {
  return typeof value === "number" && (value > MOST || value < -MOST);
}
