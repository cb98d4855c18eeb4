/** The model's twins: as many parameters, steps and series, but another way to read. @module */
import type { LionEncoderOptions } from "@lionjs/lion";
import type { Example } from "./model.ts";
import type { Window } from "./testing.ts";

/** How a twin differs. */
export interface Twin {
  readonly options: Partial<LionEncoderOptions>;
  /** Whether it sees nothing after a gap, nor what is computed from that. */
  readonly isCausal: boolean;
}

/** The model itself, at the twins' number of steps, and its twins. */
export const TWINS: Readonly<Record<string, Twin>> = {
  "both ways": { options: {}, isCausal: false },
  causal: { options: { direction: "forward" }, isCausal: true },
  softmax: {
    options: {
      variant: "softmax",
      diagonalDecay: undefined,
      maxLength: 256,
    },
    isCausal: false,
  },
};

/**
 * A window's series until its gap ends: the model's columns are computed from both sides,
 * so that causal attention alone would not keep a twin from what comes after.
 */
export function givenBefore({ first, gap, given }: Window): Window["given"] {
  return given.slice(0, first + gap);
}

/** An example whose last gap is moved to its end, with those before it. */
export function ended({ values, seen }: Example): Example {
  const shift = seen.length - 1 - seen.lastIndexOf(0);
  return {
    values,
    seen: seen.map((_, t) => t < shift ? 1 : seen[t - shift]!),
  };
}
