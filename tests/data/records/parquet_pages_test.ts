import { assertEquals, assertThrows } from "@std/assert";
import { parsePageHeader } from "../../../lib/data/records/parquet_pages/page_header.ts";
import { checkRuns } from "../../../lib/data/records/parquet_pages/runs.ts";

/** The header of a page of data with statistics, as most writers have them. */
const WITH_STATISTICS = Uint8Array.of(
  ...[0x15, 0x00, 0x15, 0x14, 0x15, 0x12], // data, 10 bytes, 9 compressed
  ...[0x2c, 0x15, 0x0a, 0x15, 0x10, 0x15, 0x06, 0x15, 0x06], // 5 values, by places
  ...[0x1c, 0x18, 0x03, 1, 2, 3, 0x18, 0x02, 4, 5, 0x16, 0x02, 0x11, 0x00],
  ...[0x00, 0x00, 0x99],
);

const SECOND = Uint8Array.of(
  ...[0x15, 0x06, 0x15, 0x14, 0x15, 0x12, 0x5c], // version 2
  ...[0x15, 0x0a, 0x15, 0x02, 0x15, 0x08, 0x15, 0x00, 0x15, 0x04, 0x15, 0x00],
  ...[0x11, 0x00, 0x00],
);

Deno.test("headers of pages are parsed, whatever else they have", () => {
  assertEquals(parsePageHeader(WITH_STATISTICS, 0), {
    ...{ type: 0, uncompressed: 10, compressed: 9, values: 5, nulls: 0 },
    ...{ encoding: 8, end: WITH_STATISTICS.length - 1 },
    levelBytes: { definition: 0, repetition: 0 },
  });
  assertEquals(parsePageHeader(SECOND, 0), {
    ...{ type: 3, uncompressed: 10, compressed: 9, values: 5, nulls: 1 },
    ...{ encoding: 0, end: SECOND.length },
    levelBytes: { definition: 2, repetition: 0 },
  });
  for (let end = 0; end < WITH_STATISTICS.length - 1; end++) {
    assertThrows(
      () => parsePageHeader(WITH_STATISTICS.subarray(0, end), 0),
      Error,
      "the header of a page",
    );
  }
});

Deno.test("runs have as many values as they should, at most", () => {
  const check = (bytes: number[], values: number, width = 1) =>
    checkRuns(Uint8Array.from(bytes), 0, bytes.length, {
      ...{ width, values, wanted: 1 },
    });
  assertEquals(check([20, 1], 10), 10); // ten times 1
  assertEquals(check([3, 0b10110101], 8), 5); // eight bits
  assertEquals(check([3, 0b10110101], 6), 4); // of which two are padding
  assertEquals(check([8, 0, 3, 0xff], 10), 6);
  assertEquals(check([3, 0b01_00_01_11, 0b11_01_00_01], 8, 2), 4);
  assertThrows(
    () => check([0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 10),
    Error,
    "run",
  );
  assertThrows(() => check([60, 1], 10), Error, "a run has 30 values for 10");
  assertThrows(() => check([20], 10), Error, "a page ends early");
  assertThrows(() => check([0, 0, 0, 0], 10), Error, "a page ends early");
  assertThrows(() => check([20, 1], 10, 33), Error, "values of 33 bits");
});
