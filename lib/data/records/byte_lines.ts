/** Lines of a text, as bytes that are not decoded yet. @module */
import { concatenated } from "@lionjs/base";

/** The most bytes of a line, as a bound of memory. */
const LONGEST_LINE = 2 ** 24;

const [TAB, NEWLINE, RETURN, SPACE] = [9, 10, 13, 32];

/** A line, and its number in the file, from 1 on. */
export interface ByteLine {
  readonly number: number;
  /** The line's offset in the file, in bytes. */
  readonly start: number;
  /** The bytes without the line's end; they are only there until the next line. */
  readonly bytes: Uint8Array;
}

/**
 * The lines of a text in UTF-8 that are not blank. They end with a line feed,
 * which a carriage return may precede, and nothing else: U+2028 may be within
 * JSON. A byte order mark is left out.
 */
export async function* byteLines(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ByteLine> {
  for await (const line of splitLines(name, chunks, true)) {
    if (!isBlank(line.bytes)) yield line;
  }
}

/** The lines of a text as {@linkcode byteLines} splits it, blank ones too. */
export function allByteLines(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ByteLine> {
  return splitLines(name, chunks, false);
}

/**
 * Splits at line feeds, and nothing else.
 *
 * @param passesBlank Whether blank lines within a chunk may be left out: there may be
 * millions, and each that is given takes a microsecond or two.
 */
async function* splitLines(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  passesBlank: boolean,
): AsyncGenerator<ByteLine> {
  let number = 0, next = 0;
  let begun: Uint8Array[] = [];
  let length = 0;
  const lineOf = (end: Uint8Array): ByteLine => {
    const raw = begun.length === 0 ? end : concatenated([...begun, end]);
    [begun, length] = [[], 0];
    const start = next;
    next += raw.length + 1;
    const line = withoutReturn(raw);
    const bytes = ++number === 1 ? withoutMark(line) : line;
    return { number, start: start + line.length - bytes.length, bytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      if (passesBlank && length === 0) {
        for (let at = start; isSpace(chunk[at]); at++) {
          if (chunk[at] !== NEWLINE) continue;
          number++;
          next += at + 1 - start;
          start = at + 1;
        }
      }
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      yield lineOf(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) continue;
    begun.push(chunk.slice(start));
    length += chunk.length - start;
    if (length <= LONGEST_LINE) continue;
    throw new RangeError(
      `${name} should have lines of at most ${LONGEST_LINE} bytes, got one of more; is it text?`,
    );
  }
  if (length > 0) yield lineOf(new Uint8Array(0));
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}

/** The line without a byte order mark, U+FEFF. */
function withoutMark(line: Uint8Array): Uint8Array {
  const [first, second, third] = line;
  return first === 0xef && second === 0xbb && third === 0xbf
    ? line.subarray(3)
    : line;
}

/** Whether a byte is white space of ASCII. */
function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte! >= TAB && byte! <= RETURN;
}

/** Whether a line is only white space. */
function isBlank(line: Uint8Array): boolean {
  for (const byte of line) {
    if (isSpace(byte)) continue;
    // White space beyond ASCII, such as U+00A0, is rare at the start.
    return byte > 127 && new TextDecoder().decode(line).trim() === "";
  }
  return true;
}
