import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { onCpu, withFolder } from "./files.ts";
import { files, isValid } from "./safetensors_mutants.ts";

/** Bytes of this file's, and of no other that runs beside it in the process. */
function ofIsolate(): number {
  const { heapTotal, external } = Deno.memoryUsage();
  return heapTotal + external;
}

onCpu("10,000 files are valid or refused, from memory", async () => {
  const before = ofIsolate();
  let valid = 0;
  await fc.assert(
    fc.asyncProperty(files, async (bytes) => {
      if (await isValid(bytes, bytes)) valid++;
    }),
    { numRuns: 10_000, seed: 20250224 },
  );
  // Neither kind is missing.
  assert(valid > 1000 && valid < 9000, `${valid} of 10,000 files were valid`);
  assertLess(ofIsolate() - before, 500e6);
});

onCpu(
  "300 files are valid or refused, from the disk",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/file`;
      await fc.assert(
        fc.asyncProperty(files, async (bytes) => {
          await Deno.writeFile(path, bytes);
          assertEquals(await isValid(bytes, path), await isValid(bytes, bytes));
        }),
        { numRuns: 300, seed: 20250225 },
      );
    }),
);
