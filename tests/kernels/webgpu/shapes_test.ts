/**
 * Every shape of the attention shader against the oracle: which one runs depends
 * on the adapter's workgroup memory, and this machine's alone would choose one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { shapeFor } from "../../../lib/kernels/webgpu/chunkwise/attend.ts";
import { onEachBackend } from "../../backends.ts";
import { ofLongTests } from "../../sample.ts";
import { LION, type LionCase } from "../../subjects/lion.ts";
import { failuresOf } from "../../subjects/subject.ts";
import { withLimits } from "./with_limits.ts";

/** What every adapter has of it. */
const GUARANTEED = 16_384;

/** Of wide heads, and of long chunks; with more memory blocks have 32 rows. */
const CASES = [
  { rows: 24, chunkSize: 64, headDim: 70, causal: false },
  { rows: 16, chunkSize: 100, headDim: 6, causal: true },
];

for (const { rows, chunkSize, headDim, causal } of CASES) {
  onEachBackend(
    `with 16 KiB a workgroup: blocks of ${rows} rows, chunks of ${chunkSize}, heads of ${headDim}`,
    async (backend) => {
      const dims = { headDim, valueDim: 5 };
      assertEquals(shapeFor(chunkSize, dims, GUARANTEED, 32)?.blockRows, rows);
      const c: LionCase = {
        ...{ batch: 1, heads: 2, length: chunkSize + 40, ...dims },
        ...{ decay: "two-sided", causal, normalize: true, padded: true },
      };
      const limits = { maxComputeWorkgroupStorageSize: GUARANTEED };
      const way = { form: "chunkwise", chunkSize };
      const run = () => failuresOf(LION, c, backend, way);
      assertEquals(await withLimits(limits, run), []);
    },
    // Software compiles each of these shaders for half a minute, once.
    ofLongTests(["webgpu"]),
  );
}
