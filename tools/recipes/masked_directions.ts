/** One direction, both, and alternating ones, where a direction cannot be done without. @module */
import { LION, NONE, openMasked } from "./masked_language.ts";
import { BY_LOSS, type ContenderOptions, type Recipe } from "./recipe.ts";

/** LION-S of `mlm`, whose only positions are its decays. */
function lionS(
  options: Pick<ContenderOptions, "direction" | "countSelf">,
): ContenderOptions {
  return { ...withPositions(options), ...NONE };
}

/** The same with learned positions. */
function withPositions(
  options: Pick<ContenderOptions, "direction" | "countSelf">,
): ContenderOptions {
  return { variant: "s", ...LION, ...options };
}

/** Text: hidden tokens are to be guessed from one side, or from both. */
export const maskedDirections: Recipe = {
  title: "Directions in masked language modelling",
  about: "LION-S as in masked language modelling, on the same text with the " +
    "same share of hidden tokens. It attends to the tokens before, to " +
    "those after, to each in turn (two blocks), or to both; `both, diagonal " +
    "twice` adds up two causal models, which counts the diagonal, each " +
    "token's own term, twice. Models have no positions besides their decays, but " +
    "for those that learn them, named `positions`.",
  notes: [
    "500 steps and five seeds were planned. After 500 steps the first " +
    "seed's `forward` predicted 18.3 % of the hidden tokens, `backward` " +
    "20.1 %, `both` 19.6 % and `alternating` 25.5 %, and all were still " +
    "improving. `both`, which has to learn which side is which, needs more " +
    "steps than that, so the runs in the table have 1,000; rates and " +
    "expectation were not changed.",
  ],
  expected:
    "Context on both sides says more about a hidden token than context on " +
    "one, so `both` is ahead of `forward` and of " +
    "`backward` by several points, more than the interval. `alternating` " +
    "reads both sides with its two blocks. It also tells left from right, " +
    "which `both` without positions cannot, so it may be level with `both` " +
    "or ahead. A hidden token's own position carries little information, " +
    "so counting it twice costs less than a point, if anything. (Added before " +
    "the first run of models with positions:) With positions `both` can tell left " +
    "from right as well, so it is level with `alternating, positions` or ahead of it.",
  contenders: [
    { name: "forward", options: lionS({ direction: "forward" }) },
    { name: "backward", options: lionS({ direction: "backward" }) },
    { name: "alternating", options: lionS({ direction: "alternate" }) },
    { name: "both", options: lionS({}) },
    { name: "both, diagonal twice", options: lionS({ countSelf: "twice" }) },
    {
      name: "alternating, positions",
      options: withPositions({ direction: "alternate" }),
    },
    { name: "both, positions", options: withPositions({}) },
  ],
  reference: "both",
  measure: BY_LOSS,
  plan: {
    quick: {
      ...{ steps: 1000, seeds: 5, validations: 5 },
      rates: [3e-3, 6e-3, 1.2e-2],
    },
    paper: { steps: 70_000, rates: [2.5e-4, 5e-4, 1e-3] },
  },
  open: (setting) => openMasked(setting, [1]),
};
