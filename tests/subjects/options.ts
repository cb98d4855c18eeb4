/** Functions of tensors, called rightly but for their options. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  alone,
  ATTENTION,
  FAMILY,
  OPERATIONS,
} from "../entries/good_calls/tensors.ts";

// deno-lint-ignore no-explicit-any -- options that the compiler would not let pass
type Call = (options: any) => unknown;

/**
 * All but streams, which answer later (tests/attention/stream_errors_test.ts has theirs),
 * and ranks that share tokens, where the values lie on a GPU: it refuses them.
 */
const all = () =>
  Object.entries({ ...ATTENTION, ...FAMILY, ...OPERATIONS })
    .filter(([name]) =>
      name !== "streamBidirectional" &&
      !(name.endsWith("AcrossRanks") && tf.getBackend() === "webgpu")
    );

/** Options without which there is no call. */
export const REQUIRED: Readonly<Record<string, object>> = {
  attentionAcrossRanks: { communicator: alone() },
  deltaAcrossRanks: { communicator: alone() },
  splitHeads: { numHeads: 2 },
};

/** By the names that messages have: with these options alone. */
export const optionCalls = (): Record<string, Call> =>
  Object.fromEntries(
    all().filter(([, { args }]) => "options" in args()).map(([name, one]) => [
      name,
      (options) => one.call(...Object.values({ ...one.args(), options })),
    ]),
  );

/** Objects of inputs, by their arguments, and what messages call them. */
const INPUTS: Readonly<Record<string, (owner: string) => string>> = {
  input: (owner) => `${owner}'s input`,
  inputs: (owner) => `${owner}'s inputs`,
  sizes: (owner) => owner,
};

/** The same with options beside those that a call needs. */
export const mergedCalls = (): Record<string, Call> =>
  Object.fromEntries([
    ...Object.entries(optionCalls()).map(([name, call]) => [
      name,
      (more: object) => call({ ...REQUIRED[name], ...more }),
    ]),
    ...all().flatMap(([name, one]) =>
      Object.entries(INPUTS).filter(([argument]) => argument in one.args())
        .map(([argument, ownerOf]) => [ownerOf(name), (more: object) => {
          const args = one.args();
          const merged = { ...args[argument], ...more };
          return one.call(...Object.values({ ...args, [argument]: merged }));
        }])
    ),
    ["ways[0]", (more: object) => {
      const { call, args } = ATTENTION["multiScanAttention"]!;
      const { q, k, v, ways } = args();
      return call(q, k, v, [{ ...ways[0], ...more }]);
    }],
  ]);

/** The options that the message of an unknown one lists. */
export function optionsIn(message: string): string[] {
  return /s are (.*)$/.exec(message)?.[1]?.split(", ") ?? [];
}
