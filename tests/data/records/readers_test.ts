/** Readers take time that is linear in a file, whatever it has in any number. @module */
import { assert, assertLess, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { itemsUnlessAborted } from "../../../lib/contract/abort.ts";
import {
  csvRows,
  jsonLines,
  lineStream,
  memoryBytes,
  textLines,
} from "../../../lib/data/mod.ts";
import { assertLinear } from "../growth.ts";
import { CHARACTERS, READERS, repeated } from "./reader_inputs.ts";
import { tarOf } from "./tar_of.ts";

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
