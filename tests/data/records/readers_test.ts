/** Readers take time that is linear in a file, whatever it has in any number. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { itemsUnlessAborted } from "../../../lib/base/abort.ts";
import { concatenated } from "../../../lib/base/byte_arrays.ts";
import {
  RangeReader,
  tarMembers,
} from "../../../lib/data/records/tar/members.ts";
import {
  csvRows,
  jsonLines,
  lineStream,
  memoryBytes,
  parquet,
  textLines,
} from "../../../lib/data/mod.ts";
import { assertLinear } from "../growth.ts";
import {
  CHARACTERS,
  member,
  READERS,
  record,
  repeated,
  tarOfMembers,
} from "./reader_inputs.ts";

/** Characters of the shorter file, in a hundred parts where it is compressed. */
const SIZE = 2 ** 16;

for (const [name, { read, fileOf }] of Object.entries(READERS)) {
  Deno.test(`${name}: time is linear in characters of every kind`, async () => {
    for (const [kind, characters] of Object.entries(CHARACTERS)) {
      await assertLinear(`${name} of ${kind}`, SIZE, (size) => {
        const file = memoryBytes(fileOf(repeated(characters, size)), "file");
        // Most files are refused, which takes its time too.
        return () => read(file).catch(() => {});
      });
    }
  });
}

Deno.test("tars: time is linear in what PAX headers say of how many members", async () => {
  const value = new TextEncoder().encode("1");
  await assertLinear("tars of as many records as members", 2 ** 8, (size) => {
    const records = Array.from(
      { length: 2 * size },
      (_, i) => record(`key${i}`, value),
    );
    const members = Array.from({ length: size }, (_, i) => [
      member("x", record(`own${i}`, value)),
      member("0", value),
    ]);
    const file = tarOfMembers(
      member("g", concatenated(records)),
      ...members.flat(),
    );
    return () =>
      Array.fromAsync(tarMembers("tar", new RangeReader(memoryBytes(file))));
  });
});

const LARGE = 2 ** 24 + 2 ** 17;

Deno.test("readers refuse what is too long to be kept", async () => {
  const file = (text: string) => memoryBytes(new TextEncoder().encode(text));
  const long = "a".repeat(LARGE);
  const reads: (() => Promise<unknown>)[] = [
    () => textLines(file(long)),
    () => jsonLines(file(`"${long}`)),
    () => Array.fromAsync(lineStream(file(long), { parse: "text" }).open(0)),
    () => csvRows(file(`a\n${long}`)),
    () => csvRows(file(`a\n${",".repeat(LARGE)}`)),
    () => csvRows(file(`a\n"${'""'.repeat(LARGE / 2)}`)),
    () => csvRows(file(`a\n"a"b${long}`)),
  ];
  for (const read of reads) {
    await assertRejects(read, Error, "16777216");
  }
});

const BLANK = new Uint8Array(2 ** 26).fill("\n".charCodeAt(0));

for (const [name, read] of Object.entries({ textLines, jsonLines, csvRows })) {
  Deno.test(`${name}() lets other things run while it finds nothing`, async () => {
    let turns = 0;
    const timer = setInterval(() => turns++);
    await assertRejects(() => read(memoryBytes(BLANK)), RangeError);
    clearInterval(timer);
    assert(turns > 0);
  });
}

Deno.test("a signal aborts a stream that finds nothing", async () => {
  const lines = lineStream(memoryBytes(BLANK), { parse: "text" }).open(0);
  const signal = AbortSignal.timeout(20);
  await assertRejects(
    () => Array.fromAsync(itemsUnlessAborted(signal, lines)),
    DOMException,
  );
});

Deno.test("a file that is missing is named, with the folder that its path starts from", async () => {
  const from =
    "; the path starts from the folder in which the program was started";
  const readers = {
    "nowhere.csv": csvRows,
    "nowhere.jsonl": jsonLines,
    "nowhere.txt": textLines,
    "nowhere.parquet": parquet,
  };
  for (const [path, read] of Object.entries(readers)) {
    const wanted = `${path} should be a file, got nothing there${from}`;
    const error = await assertRejects(async () => await read(path), Error);
    assertEquals(error.message, wanted);
    const absolute = await assertRejects(
      async () => await read(`/nowhere/${path}`),
      Error,
    );
    assertEquals(
      absolute.message,
      `/nowhere/${path} should be a file, got nothing there`,
    );
  }
});
