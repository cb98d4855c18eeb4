/** Rows of texts with fields that are divided by a character. @module */

/** A row, and the line of the file in which it begins, from 1 on. */
export interface CsvRow {
  readonly line: number;
  readonly fields: readonly string[];
  /** What is wrong with the row, if something is. */
  readonly wrong?: string;
}

/** The most characters of a row, as a bound of memory. */
const LONGEST_ROW = 2 ** 24;

const [NEWLINE, RETURN] = [10, 13];

/**
 * Parses rows of a text that comes in parts. A row ends at a line feed, a
 * carriage return or both; blank ones are left out. A field that begins with a
 * quote ends at the next one, may have anything in between, and two quotes in
 * it are one.
 *
 * Source: RFC 4180, and Python's module csv where the RFC leaves it open.
 */
export class CsvParser {
  readonly #delimiter: number;
  readonly #quote: number | undefined;
  /** The text of the row that has not ended yet. */
  #text = "";
  #line = 1;
  #at = 0;

  constructor(delimiter: string, quote: boolean) {
    this.#delimiter = delimiter.charCodeAt(0);
    this.#quote = quote ? '"'.charCodeAt(0) : undefined;
  }

  /** The line in which the next row begins. */
  get line(): number {
    return this.#line;
  }

  /** Takes a part of the text, and gives the rows that have ended. */
  *rows(part: string, isLast: boolean): Generator<CsvRow> {
    this.#text += part;
    this.#at = 0;
    let start = 0;
    while (start < this.#text.length) {
      this.#at = start;
      const row = this.#row(isLast);
      if (!row) break;
      if (row.fields.length > 1 || row.fields[0] !== "" || row.isQuoted) {
        yield { line: this.#line, ...row };
      }
      this.#line += lineEnds(this.#text, start, this.#at);
      start = this.#at;
    }
    this.#text = this.#text.slice(start);
    if (this.#text.length <= LONGEST_ROW) return;
    throw new RangeError(
      `a row should have at most ${LONGEST_ROW} characters, got more; is a quote not closed?`,
    );
  }

  /** The next row; `undefined` if it may not have ended yet. */
  #row(
    isLast: boolean,
  ): { fields: string[]; isQuoted: boolean; wrong?: string } | undefined {
    const text = this.#text;
    const fields: string[] = [];
    let isQuoted = false;
    for (;;) {
      if (text.charCodeAt(this.#at) === this.#quote) {
        const field = this.#quotedField(isLast);
        if (field === undefined) return undefined;
        isQuoted = true;
        fields.push(field.value);
        if (field.wrong) {
          this.#at = lineEnd(text, this.#at);
          return { fields, isQuoted, wrong: field.wrong };
        }
      } else {
        const end = this.#fieldEnd();
        if (end === text.length && !isLast) return undefined;
        fields.push(text.slice(this.#at, end));
        this.#at = end;
      }
      const code = text.charCodeAt(this.#at);
      if (code === this.#delimiter) {
        this.#at++;
        continue;
      }
      // A carriage return may be half of the end.
      const isHalf = code === RETURN && this.#at + 1 === text.length;
      if (isHalf && !isLast) return undefined;
      this.#at = lineEnd(text, this.#at);
      return { fields, isQuoted };
    }
  }

  /** Where a field without quotes ends. */
  #fieldEnd(): number {
    const text = this.#text;
    let end = this.#at;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === this.#delimiter || code === NEWLINE || code === RETURN) {
        break;
      }
    }
    return end;
  }

  #quotedField(
    isLast: boolean,
  ): { value: string; wrong?: string } | undefined {
    const text = this.#text;
    let value = "";
    for (let from = this.#at + 1;;) {
      const end = text.indexOf('"', from);
      if (end < 0) {
        if (!isLast) return undefined;
        this.#at = text.length;
        return { value, wrong: "a quote is not closed" };
      }
      value += text.slice(from, end);
      if (end + 1 === text.length && !isLast) return undefined;
      const next = text.charCodeAt(end + 1);
      this.#at = end + 1;
      if (next === this.#quote) {
        value += '"';
        from = end + 2;
        continue;
      }
      const isEnd = Number.isNaN(next) || next === this.#delimiter ||
        next === NEWLINE || next === RETURN;
      return isEnd
        ? { value }
        : { value, wrong: "a field goes on after its closing quote" };
    }
  }
}

/** Where the line after the one at a place begins. */
function lineEnd(text: string, at: number): number {
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE) return at + 1;
    if (code === RETURN) {
      return text.charCodeAt(at + 1) === NEWLINE ? at + 2 : at + 1;
    }
  }
  return at;
}

/** The number of lines that end in a part of a text. */
function lineEnds(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = lineEnd(text, start); at < end; at = lineEnd(text, at)) count++;
  return count + 1;
}
