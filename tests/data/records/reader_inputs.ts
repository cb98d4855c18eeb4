/**
 * Readers of files, and the characters that a file may have in any number, for tests
 * of the time that they take.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import {
  csvRows,
  jsonLines,
  lineStream,
  type RandomAccess,
  type ShardedStream,
  textLines,
  webDataset,
  webDatasetStream,
} from "../../../lib/data/mod.ts";
import { concatenated } from "../../../lib/base/byte_arrays.ts";
import { tarOf } from "./tar_of.ts";

const encoder = new TextEncoder();

/** Characters by their names, as bytes that are repeated. */
export const CHARACTERS: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  ...Object.fromEntries(
    Object.entries({
      commas: ",",
      tabs: "\t",
      quotes: '"',
      "quotes, each in a field": '","',
      "fields in quotes": '"a",',
      "quotes at line ends": 'a, b, "\n',
      "carriage returns": "\r",
      "line feeds": "\n",
      "both line ends": "\r\n",
      "line feeds and returns": "\n\r",
      spaces: " ",
      "lines of spaces": "  \n",
      backslashes: "\\",
      "escaped quotes": '\\"',
      letters: "a",
      "lines of letters": "a b c d e f\n",
      digits: "7",
      signs: "-",
      points: ".",
      exponents: "1e9",
      "equals signs": "=",
      slashes: "/",
      "letters and points": "a.",
      brackets: "[",
      "closed brackets": "[],",
      braces: '{"a":',
      zeros: "\0",
      marks: "\ufeff",
      "no-break spaces": "\u00a0",
      "letters of two bytes": "é",
      "letters of four bytes": "🦁",
    }).map(([name, text]) => [name, encoder.encode(text)]),
  ),
  "lone surrogates": Uint8Array.of(0xed, 0xa0, 0x80),
  "what is not UTF-8": Uint8Array.of(0xff),
};

/** A reader of one of the texts or tars that may be given to it. */
export interface Reader {
  /** Reads a file, whether or not the reader refuses it. */
  read(file: RandomAccess): Promise<unknown>;
  /** The file that has some characters in the place that the reader's name says. */
  fileOf(characters: Uint8Array): Uint8Array<ArrayBuffer>;
}

const skip = { onBad: { skip: true, limit: 1 } } as const;
const all = <E>(stream: ShardedStream<E>) => Array.fromAsync(stream.open(0));

const text = (before = "", after = "") => (characters: Uint8Array) =>
  packed(
    concatenated([encoder.encode(before), characters, encoder.encode(after)]),
  );

/** A member of a tar, of a type: its header, and its content in whole blocks. */
export function member(
  type: string,
  content: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const member = tarOf({ "a.txt": content }, { isEnded: false });
  member[156] = type.charCodeAt(0);
  member.fill(32, 148, 156);
  const sum = member.subarray(0, 512).reduce((sum, byte) => sum + byte, 0);
  member.set(encoder.encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return member;
}

/** A record of a PAX header, which begins with its own length. */
export function record(
  key: string,
  value: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const rest = concatenated([
    encoder.encode(` ${key}=`),
    value,
    encoder.encode("\n"),
  ]);
  const digits = String(rest.length + 7).padStart(7, "0");
  return concatenated([encoder.encode(digits), rest]);
}

/** A tar of members. */
export function tarOfMembers(
  ...members: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  return concatenated([...members, new Uint8Array(1024)]);
}

const ONE = member("0", encoder.encode("one"));

/** The readers, by their names. */
export const READERS: Readonly<Record<string, Reader>> = {
  "textLines()": { read: textLines, fileOf: text() },
  "textLines(), one line": { read: textLines, fileOf: text("a", "b\n") },
  "jsonLines()": { read: (file) => jsonLines(file, skip), fileOf: text() },
  "jsonLines(), a string": {
    read: jsonLines,
    fileOf: text('{"a": 9007199254740993, "b": "', '"}\n'),
  },
  "jsonLines(), a list": { read: jsonLines, fileOf: text("[1e300, ", "1]\n") },
  "lineStream() of texts": {
    read: (file) => all(lineStream(file, { parse: "text", ...skip })),
    fileOf: text("a\n"),
  },
  "lineStream() of JSON": {
    read: (file) => all(lineStream(file, { parse: "json", ...skip })),
    fileOf: text("1\n"),
  },
  "csvRows()": { read: (file) => csvRows(file, skip), fileOf: text() },
  "csvRows(), one row": { read: csvRows, fileOf: text("1,2\n3,4\na", "b\n") },
  "csvRows(), in quotes": {
    read: (file) => csvRows(file, { header: ["a"] }),
    fileOf: text('"', '"\n'),
  },
  "csvRows(), after a wrong quote": {
    read: (file) => csvRows(file, { header: ["a"], ...skip }),
    fileOf: text('"a"b', "\n1\n"),
  },
  "csvRows() without quotes": {
    read: (file) =>
      csvRows(file, { quote: false, header: false, delimiter: "\t", ...skip }),
    fileOf: text(),
  },
  "csvRows() in latin1": {
    read: (file) =>
      csvRows(file, { header: false, encoding: "latin1", ...skip }),
    fileOf: text(),
  },
  "webDatasetStream(), a long name": {
    read: (file) => all(webDatasetStream(file)),
    fileOf: (characters) => packed(tarOfMembers(member("L", characters), ONE)),
  },
  "webDatasetStream(), a PAX name": {
    read: (file) => all(webDatasetStream(file)),
    fileOf: (characters) =>
      packed(tarOfMembers(member("x", record("path", characters)), ONE)),
  },
  "webDataset(), a PAX header": {
    read: webDataset,
    fileOf: (characters) => tarOfMembers(member("x", characters), ONE),
  },
  "webDataset(), a name of PAX": {
    read: webDataset,
    fileOf: (characters) =>
      tarOfMembers(
        member(
          "g",
          concatenated([
            record("comment", characters),
            record("path", concatenated([characters, encoder.encode(".txt")])),
          ]),
        ),
        ONE,
      ),
  },
};

/** Bytes of a gzip's member, so that a text comes in many parts. */
const MEMBER = 2 ** 9;

/** A text that gzip has compressed, in members that are decompressed one by one. */
function packed(text: Uint8Array): Uint8Array<ArrayBuffer> {
  const members: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += MEMBER) {
    members.push(gzipSync(text.subarray(at, at + MEMBER), { level: 1 }));
  }
  return concatenated(members);
}

/** Characters, repeated to a number of bytes. */
export function repeated(
  characters: Uint8Array,
  size: number,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    { length: size - size % characters.length },
    (_, i) => characters[i % characters.length]!,
  );
}
