/** A few attentions of every kind; `hosts_test.ts` runs them on each host. @module */
import { onEachBackend, WITH_KERNELS } from "../backends.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { DELTA, type DeltaCase } from "../subjects/delta.ts";
import { DECAYS, LION, type LionCase } from "../subjects/lion.ts";
import type { Way } from "../subjects/subject.ts";

/** Kernels, where there are such, and the two forms that differ most. */
const WAYS: readonly Way[] = [
  ...["full", "blockwise", "recurrent", "chunkwise"].map((form) => ({ form })),
  ...["full", "chunkwise"].map((form) => ({ form, kernel: false })),
].map((way) => ({ ...way, chunkSize: 16 }));

const SIZES = { batch: 2, heads: 2, length: 40, valueDim: 8 };

/** Cases of both directions, with heads of whole vectors and of others. */
const ofBoth = <C>(
  caseOf: (headDim: number, causal: boolean) => C,
  headDims: readonly number[] = [8, 17],
): C[] =>
  [false, true].flatMap((causal) =>
    headDims.map((headDim) => caseOf(headDim, causal))
  );

for (const decay of DECAYS) {
  onEachBackend(
    `kernels and plain forms equal the oracle, decay ${decay}`,
    (backend) => {
      const cases = ofBoth((headDim, causal): LionCase => ({
        ...{ ...SIZES, headDim, decay, causal },
        ...{ normalize: !causal, padded: causal },
      }));
      return assertRight(LION, cases.map((c) => [c, ...WAYS]), backend);
    },
    WITH_KERNELS,
  );
}

onEachBackend(
  "kernels equal the oracle, decays of each channel",
  (backend) => {
    const cases = ofBoth((headDim, causal): LionCase => ({
      ...{ ...SIZES, headDim, causal, normalize: !causal },
      ...{ padded: causal, packed: !causal },
      decay: causal ? "arrival of channels" : "source of channels",
    }), [17]);
    const way = { form: "chunkwise", chunkSize: 16 };
    return assertRight(LION, cases.map((c) => [c, way]), backend);
  },
  WITH_KERNELS,
);

for (const decay of ["none", "two-sided", "two-sided of channels"] as const) {
  onEachBackend(
    `kernels of the delta rule equal the oracle, decay ${decay}`,
    (backend) => {
      const cases = ofBoth((headDim, causal): DeltaCase => ({
        ...{ ...SIZES, headDim, decay, causal },
        ...{ padded: causal, packed: !causal },
      }));
      const way = { chunkSize: 16 };
      return assertRight(DELTA, cases.map((c) => [c, way]), backend);
    },
    WITH_KERNELS,
  );
}
