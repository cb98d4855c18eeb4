/**
 * Each subject beside its oracle: chosen cases in every way, and random ones. Those of
 * softmax attention are in its own test, which Dawn runs too, and the family's in theirs.
 *
 * @module
 */
import { testCases, testRandom, testThreads, testWidths } from "./checks.ts";
import { DELTA, type DeltaCase, replaced } from "./delta.ts";
import { FORMS, LION_OF_CHANNELS, lionAs } from "./lion.ts";
import { MULTI_SCAN } from "./multi_scan.ts";
import { DELTA_STEP, FAMILY_STEPS, PIECE, RECURRENT_STEP } from "./pieces.ts";
import { SCAN } from "./selective_scan.ts";
import { CONVOLUTION } from "./short_convolution.ts";
import { TRANSITION, TRANSITION_STEP } from "./transition.ts";

for (const form of FORMS) testRandom(lionAs(form));
for (
  const subject of [LION_OF_CHANNELS, DELTA, TRANSITION, SCAN, CONVOLUTION]
) {
  testCases(subject);
  testRandom(subject);
}
const STEPS = [PIECE, RECURRENT_STEP, DELTA_STEP, TRANSITION_STEP];
for (const subject of [...STEPS, ...FAMILY_STEPS, MULTI_SCAN]) {
  testCases(subject);
  testRandom(subject);
}

testThreads(SCAN, [{
  ...{ batch: 2, length: 100, channels: 200, stateDim: 8, reverse: false },
  gated: true,
}]);
testThreads(CONVOLUTION, [{
  ...{ batch: 3, length: 150, channels: 130, taps: 7, place: "centred" },
  ...{ reverse: false, bias: true, activation: "silu" },
}]);

/** Each of some sizes, with decays of each token and of each channel, in one direction and in both. */
const deltaCases = (sizes: readonly Partial<DeltaCase>[]) =>
  sizes.flatMap((size) =>
    (["two-sided", "two-sided of channels"] as const).flatMap((decay) =>
      [false, true].map((causal): DeltaCase => ({
        ...{ batch: 1, heads: 2, length: 70, decay, causal, ...size },
      }))
    )
  );
testThreads(
  DELTA,
  // Of the second there is work enough to be shared.
  deltaCases([{}, { length: 256, headDim: 16, valueDim: 16 }]),
  [1, 2, 3, 4, 5, 6, 7],
);

testWidths(
  SCAN,
  [[70, 104], [40, 390]].map(([length, channels], i) => ({
    ...{ batch: 1, length: length!, channels: channels!, stateDim: 16 },
    ...{ gated: true, reverse: i === 1, packed: i === 1 },
  })),
);
testWidths(
  DELTA,
  deltaCases([[64, 64], [40, 37], [30, 72]].map(([headDim, valueDim]) => ({
    ...{ heads: 3, length: 230, headDim: headDim!, valueDim: valueDim! },
  }))),
  { kernel: false, chunkSize: 16 },
  // Towards 2 rounding errors no longer fade.
  (problem) => replaced(problem, { beta: problem.beta.map((x) => x / 2) }),
);
