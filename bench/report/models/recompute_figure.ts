/** Training whose blocks are computed again for their gradients, beside the usual. @module */
import { setRecompute } from "@lionjs/lion";
import { startBackend } from "../../group.ts";
import { ParityError, timeOf } from "../../../measure/timing.ts";
import { lossesOf, Subject } from "../../mixer_subject.ts";
import { measureRecompute, type RecomputeProblem } from "../../recompute.ts";
import {
  labelsOf,
  sizedViT,
  SMALL,
  tensorsOf,
  VIT_TINY,
} from "../../sized_models.ts";
import type { Collector } from "../collector.ts";
import type { FigureMaker } from "../figure.ts";
import { KEPT, RECOMPUTED } from "./names.ts";

/** Losses that are compared before anything is timed. */
const CHECKED_STEPS = 3;

/** Steps of each way, the first of which counts for memory alone; a small model takes more. */
const STEPS = 4, STEPS_OF_TINY = 10;

/** Small, but of blocks enough that there is something to save. */
const QUICK = sizedViT("ViT", { dim: 32, depth: 4, numHeads: 2 }, 64, [16]);

/** A training of ViT-tiny with LION-S. */
export const recompute: FigureMaker = {
  seconds: { gpu: 30, wasm: 30, software: 0, cpu: 0 },
  async measure({ info, threads, quick }, collector) {
    await startBackend(info.name, threads);
    await collectRecomputed(
      collector,
      quick
        ? { sized: QUICK, batch: 16 }
        : { sized: VIT_TINY, steps: STEPS_OF_TINY },
    );
    return { settings: { variant: "LION-S", "taken by": "train" } };
  },
};

/**
 * Collects the time and the peak of both ways: model, gradients and optimizer
 * count, since they are in memory at the worst moment.
 *
 * @throws {ParityError} If the losses of a small model differ.
 */
export async function collectRecomputed(
  collector: Collector,
  { sized, batch = 8, steps = STEPS }:
    & Pick<RecomputeProblem, "sized">
    & Partial<RecomputeProblem>,
): Promise<void> {
  const place = { panel: `${sized.title}, training`, at: batch };
  const names = collector.affordable(place, [KEPT, RECOMPUTED]);
  if (names.length === 0) return;
  await assertSame();
  const found = await measureRecompute({ sized, batch, steps });
  const ways = { [KEPT]: found.usual, [RECOMPUTED]: found.recomputed };
  for (const [series, { peakBytes, times }] of Object.entries(ways)) {
    collector.points.push({
      ...{ ...place, series, time: timeOf(times), memoryBytes: peakBytes },
      ...{ gpuMilliseconds: null, operations: null, bytes: null },
    });
  }
}

/** Throws unless both ways train a small model alike, to the last bit. */
async function assertSame(): Promise<void> {
  const [kept, recomputed] = [
    await lossesWith(false),
    await lossesWith(true),
  ];
  if (kept.every((loss, i) => loss === recomputed[i])) return;
  throw new ParityError(
    `${RECOMPUTED}: losses are ${recomputed.join(", ")}, not ${
      kept.join(", ")
    }`,
  );
}

async function lossesWith(recompute: boolean): Promise<number[]> {
  const { make, inputs } = SMALL.vit;
  const model = make({ variant: "s" });
  setRecompute(model, recompute);
  const batch = 2;
  const subject = new Subject(
    model,
    () => tensorsOf(model, inputs(batch)),
    labelsOf(batch),
  );
  try {
    return await lossesOf(() => subject.step(), CHECKED_STEPS);
  } finally {
    subject.dispose();
  }
}
