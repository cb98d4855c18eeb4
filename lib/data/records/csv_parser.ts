/** A parser of CSV and its like, with any delimiter. @module */

/** A row, and the line of the file in which it begins, from 1 on. */
export interface CsvRow {
  readonly line: number;
  readonly fields: readonly string[];
  /** The reason why the row is malformed; absent if it is not. */
  readonly wrong?: string;
}

/** The most characters of a row, as a bound of memory. */
const LONGEST_ROW = 2 ** 24;

const [NEWLINE, RETURN] = [10, 13];

/** The parser's state between two parts of the text. */
type Place =
  /** The next character begins a field. */
  | "start"
  /** Within a field without quotes. */
  | "plain"
  /** Within a field with quotes. */
  | "quoted"
  /**
   * After a quote in a field with quotes: it ends the field, unless another
   * quote follows.
   */
  | "quote"
  /** Within the rest of a malformed row, which is not parsed. */
  | "wrong";

/**
 * Parses rows of a text that comes in parts. A row ends at a line feed, a
 * carriage return or both; blank ones are left out. A field that begins with a
 * quote ends at the next one, may have anything in between, and two quotes in
 * it are one. However many parts a row has, each is read once.
 *
 * Source: RFC 4180, and Python's module csv where the RFC leaves it open.
 */
export class CsvParser {
  readonly #delimiter: number;
  readonly #quote: number | undefined;
  /** The fields of the current row that have ended, and the text of the next field. */
  #fields: string[] = [];
  #field = "";
  #place: Place = "start";
  #wrong: string | undefined;
  /** Number of the row's characters in earlier parts. */
  #length = 0;
  /** Number of line ends within the row's quotes. */
  #linesWithin = 0;
  #line = 1;
  /** Whether a line feed that comes next belongs to a line's end before it. */
  #isAfterReturn = false;

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
    let at = 0;
    if (this.#isAfterReturn && part.length > 0) {
      this.#isAfterReturn = false;
      if (part.charCodeAt(0) === NEWLINE) at = 1;
    }
    while (at < part.length) {
      if (this.#length === 0) at = this.#afterBlankLines(part, at);
      const end = this.#readOn(part, at);
      this.#length += end - at;
      if (this.#length > LONGEST_ROW) {
        throw new RangeError(
          `a row should have at most ${LONGEST_ROW} characters, got more; is a quote not closed?`,
        );
      }
      if (end === part.length) break;
      yield this.#ended();
      at = this.#afterLineEnd(part, end);
    }
    if (!isLast || this.#length === 0) return;
    if (this.#place === "quoted") this.#wrong = "a quote is not closed";
    if (this.#place !== "wrong") this.#endField();
    yield this.#ended();
  }

  /** Passes by blank lines at the start of a row: there may be millions. */
  #afterBlankLines(part: string, start: number): number {
    let at = start;
    for (; isLineEnd(part.charCodeAt(at)); this.#line++) {
      at = this.#afterLineEnd(part, at);
    }
    return at;
  }

  #afterLineEnd(part: string, end: number): number {
    if (part.charCodeAt(end) === NEWLINE) return end + 1;
    this.#isAfterReturn = end + 1 === part.length;
    return part.charCodeAt(end + 1) === NEWLINE ? end + 2 : end + 1;
  }

  /** Reads on to the row's end; returns its place, or where the part ends. */
  #readOn(part: string, start: number): number {
    for (let at = start;; at++) {
      if (this.#place === "start" && part.charCodeAt(at) === this.#quote) {
        this.#place = "quoted";
        at++;
      }
      const isQuoted = this.#place === "quoted" || this.#place === "quote";
      if (this.#place === "wrong") return lineEnd(part, at);
      const end = isQuoted
        ? this.#endOfQuoted(part, at)
        : this.#endOfPlain(part, at);
      this.#field += part.slice(at, end);
      if (end === part.length) return end;
      at = end;
      this.#endField();
      const code = part.charCodeAt(at);
      if (isLineEnd(code)) return at;
      if (code === this.#delimiter) continue;
      // A field that ends before a delimiter or a line's end has quotes.
      this.#wrong = "a field goes on after its closing quote";
      this.#place = "wrong";
      return lineEnd(part, at);
    }
  }

  /** The index at which a field without quotes ends. */
  #endOfPlain(part: string, start: number): number {
    let end = start;
    for (; end < part.length; end++) {
      const code = part.charCodeAt(end);
      if (code === this.#delimiter || isLineEnd(code)) break;
    }
    if (end > start) this.#place = "plain";
    return end;
  }

  /**
   * The index at which a field with quotes ends: after a quote that no other
   * quote follows.
   */
  #endOfQuoted(part: string, start: number): number {
    for (let at = start; at < part.length; at++) {
      if (this.#place === "quoted") {
        at = part.indexOf('"', at);
        if (at < 0) break;
        this.#place = "quote";
      } else if (part.charCodeAt(at) === this.#quote) this.#place = "quoted";
      else return at;
    }
    return part.length;
  }

  /** Ends a field, of which all characters are known. */
  #endField(): void {
    if (this.#place === "quote") {
      // The field's last character is the closing quote.
      const text = this.#field.slice(0, -1);
      this.#linesWithin += lineEnds(text);
      this.#field = text.replaceAll('""', '"');
    }
    this.#fields.push(this.#field);
    this.#field = "";
    this.#place = "start";
  }

  /** Returns the row that has ended, and starts the next. */
  #ended(): CsvRow {
    const row = {
      line: this.#line,
      fields: this.#fields,
      ...(this.#wrong === undefined ? {} : { wrong: this.#wrong }),
    };
    this.#line += this.#linesWithin + 1;
    [this.#fields, this.#wrong, this.#place] = [[], undefined, "start"];
    [this.#length, this.#linesWithin] = [0, 0];
    return row;
  }
}

function isLineEnd(code: number): boolean {
  return code === NEWLINE || code === RETURN;
}

/** The place of the next line's end, or where the text ends. */
function lineEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && !isLineEnd(text.charCodeAt(at))) at++;
  return at;
}

/** The number of lines that end in a text. */
function lineEnds(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (
      code === NEWLINE || code === RETURN && text.charCodeAt(at + 1) !== NEWLINE
    ) count++;
  }
  return count;
}
