/** A few attentions of every kind; `hosts_test.ts` runs them on each host. @module */
import { assertEquals } from "@std/assert";
import { onEachBackend, WITH_KERNELS } from "../backends.ts";
import { DELTA, type DeltaCase } from "../subjects/delta.ts";
import { DECAYS, LION, type LionCase } from "../subjects/lion.ts";
import { failuresOf, type Way } from "../subjects/subject.ts";

/** Kernels, where there are such, and the two forms that differ most. */
const WAYS: readonly Way[] = [
  ...["full", "blockwise", "recurrent", "chunkwise"].map((form) => ({ form })),
  ...["full", "chunkwise"].map((form) => ({ form, kernel: false })),
].map((way) => ({ ...way, chunkSize: 16 }));

const SIZES = { batch: 2, heads: 2, length: 40, valueDim: 8 };

for (const decay of DECAYS) {
  onEachBackend(
    `kernels and plain forms equal the oracle, decay ${decay}`,
    async (backend) => {
      const failures: string[] = [];
      for (const causal of [false, true]) {
        for (const headDim of [8, 17]) {
          const c: LionCase = {
            ...{ ...SIZES, headDim, decay, causal },
            ...{ normalize: !causal, padded: causal },
          };
          failures.push(...await failuresOf(LION, c, backend, ...WAYS));
        }
      }
      assertEquals(failures, []);
    },
    WITH_KERNELS,
  );
}

onEachBackend(
  "kernels equal the oracle, decays of each channel",
  async (backend) => {
    const failures: string[] = [];
    for (const causal of [false, true]) {
      const c: LionCase = {
        ...{ ...SIZES, headDim: 17, causal, normalize: !causal },
        ...{ padded: causal, packed: !causal },
        decay: causal ? "arrival of channels" : "source of channels",
      };
      const way = { form: "chunkwise", chunkSize: 16 };
      failures.push(...await failuresOf(LION, c, backend, way));
    }
    assertEquals(failures, []);
  },
  WITH_KERNELS,
);

for (const decay of ["none", "two-sided", "two-sided of channels"] as const) {
  onEachBackend(
    `kernels of the delta rule equal the oracle, decay ${decay}`,
    async (backend) => {
      const failures: string[] = [];
      for (const causal of [false, true]) {
        for (const headDim of [8, 17]) {
          const c: DeltaCase = {
            ...{ ...SIZES, headDim, decay, causal },
            ...{ padded: causal, packed: !causal },
          };
          const way = { chunkSize: 16 };
          failures.push(...await failuresOf(DELTA, c, backend, way));
        }
      }
      assertEquals(failures, []);
    },
    WITH_KERNELS,
  );
}
