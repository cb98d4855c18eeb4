/** Options of every function of tensors: unknown ones, wrong ones, and undefined ones. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type {
  DeltaAttentionOptions,
  LionAttentionOptions,
  SoftmaxAttentionOptions,
} from "../../mod.ts";
import type { DeltaStepOptions } from "../../lib/attention/streaming/delta_step.ts";
import type { RecurrentStepOptions } from "../../lib/attention/streaming/stateful.ts";
import type { SelectiveScanOptions } from "../../lib/operations/selective_scan/selective_scan.ts";
import type { ShortConvolutionOptions } from "../../lib/operations/short_convolution/short_convolution.ts";
import { onEachBackend } from "../backends.ts";
import { mergedCalls, optionCalls, optionsIn, REQUIRED } from "./options.ts";

/** The options of a call, as the message of an unknown one has them. */
function optionsOf(call: (options: object) => unknown): string[] {
  const { message } = assertThrows(
    () => void tf.tidy(() => void call({ nonsense: 1 })),
    TypeError,
    'no option "nonsense"',
  );
  return optionsIn(message);
}

/** Those whose functions call them inputs. */
const OF_INPUTS = /'s inputs$/;

onEachBackend("an unknown option is refused, and the nearest named", () => {
  tf.tidy(() => {
    for (const [owner, call] of Object.entries(mergedCalls())) {
      if (OF_INPUTS.test(owner)) continue;
      for (const option of optionsOf(call)) {
        // Of one letter none is near.
        if (option.length < 3) continue;
        assertThrows(
          () => void call({ [`${option}s`]: 1 }),
          TypeError,
          `${owner} has no option "${option}s"; did you mean "${option}"?`,
        );
      }
      call({});
    }
    for (const [owner, call] of Object.entries(optionCalls())) {
      for (const odd of ["fast", null, [1], 3]) {
        assertThrows(
          () => void call(odd),
          TypeError,
          `options of ${owner} should be an object`,
        );
      }
    }
  });
});

type Wrong = readonly [
  value: unknown,
  kind: typeof TypeError | typeof RangeError,
  part: string,
];

const flag = (name: string): Wrong[] => [
  [1, TypeError, `${name} should be true or false, got 1`],
  ["false", TypeError, `${name} should be true or false, got "false"`],
  [
    null,
    TypeError,
    `${name} should have a value, or be left out for its default, got null`,
  ],
];
const size = (name: string): Wrong[] => [
  ...[0, -1, 1.5, NaN].map((value): Wrong => [
    ...[value, RangeError] as const,
    `${name} should be a positive integer, got ${value}`,
  ]),
  [undefined, TypeError, `${name} should be a number`],
];
const ofTokens = (name: string): Wrong[] => [
  [
    ...[tf.ones([1, 4]), TypeError] as const,
    `${name} should have shape [batch, length] = [1, 3], got [1, 4]`,
  ],
  [[[0, 0, 1]], TypeError, `${name} should be a tensor`],
  [
    ...[tf.tensor(["a", "a", "a"], [1, 3], "string"), TypeError] as const,
    `${name} should be float32, or int32 or bool, which are converted; got string`,
  ],
];

/** Wrong values by the names of options. */
const wrongOf = (): Readonly<Record<string, readonly Wrong[]>> => ({
  scale: [
    ["1", TypeError, "scale should be a number, got string"],
    [NaN, RangeError, "scale should be finite, got NaN"],
    [Infinity, RangeError, "scale should be finite"],
  ],
  epsilon: [
    ["0", TypeError, "epsilon should be a number, got string"],
    [NaN, RangeError, "epsilon should be finite, got NaN"],
    [-1e-6, RangeError, "epsilon should be 0 or more, got -0.0"],
  ],
  ...Object.fromEntries(
    ["normalize", "causal", "kernel", "reverse"].map((name) => [
      name,
      flag(name),
    ]),
  ),
  form: [["fast", RangeError, 'form should be "auto"']],
  chunkSize: size("chunkSize").slice(0, -1),
  steps: size("steps").slice(0, -1),
  initialState: [
    [
      ...[tf.ones([1, 2, 4, 3]), TypeError] as const,
      "initialState should have shape [batch, heads, headDim, valueDim] = [1, 2, 4, 4], got [1, 2, 4, 3]",
    ],
    [
      ...[tf.ones([1, 2, 4, 4]), RangeError] as const,
      "initialState should come with causal: true",
    ],
  ],
  convention: [[
    ...["sauce", RangeError] as const,
    'convention should be "source" or "arrival", got "sauce"',
  ]],
  decay: [
    ["none", TypeError, "decay should be made by noDecay, fixedDecay"],
    [tf.zeros([2]), TypeError, "decay should be made by noDecay, fixedDecay"],
  ],
  mask: ofTokens("mask"),
  segments: ofTokens("segments"),
  slopes: [
    [1, TypeError, "slopes should be a list of numbers, one per head, got 1"],
    [
      ...[[1], RangeError] as const,
      "slopes should have one number for each of the 2 heads, got 1",
    ],
    [[1, Infinity], RangeError, "each of slopes should be finite"],
  ],
  place: [[
    ...["left", RangeError] as const,
    'place should be "causal" or "centred", got "left"',
  ]],
  numHeads: size("splitHeads' numHeads").slice(0, -1),
  featureMap: [["relu", TypeError, "featureMap should be a function"]],
  along: [["row", RangeError, 'along should be "rows" or "colu']],
  first: [[-1, RangeError, "first should be 0 or more tokens"]],
  ...Object.fromEntries(
    ["batch", "heads", "headDim", "valueDim"].map((name) => [name, size(name)]),
  ),
});

onEachBackend("options of the wrong kind or value are refused by name", () => {
  tf.tidy(() => {
    const wrong = wrongOf(), met = new Set<string>();
    for (const [owner, call] of Object.entries(mergedCalls())) {
      if (OF_INPUTS.test(owner)) continue;
      for (const option of optionsOf(call)) {
        for (const [value, kind, part] of wrong[option] ?? []) {
          met.add(option);
          assertThrows(() => void call({ [option]: value }), kind, part);
        }
      }
    }
    assertEquals(met, new Set(Object.keys(wrong)));
  });
});

/** Options of a type that may not be `undefined`; none. */
type Strict<T> = {
  [name in keyof T]-?: undefined extends Required<T>[name] ? never : name;
}[keyof T];
type None<T extends never> = T;
/** The compiler lets all options be undefined. */
export type Checked = None<
  | Strict<LionAttentionOptions>
  | Strict<DeltaAttentionOptions>
  | Strict<SoftmaxAttentionOptions>
  | Strict<RecurrentStepOptions>
  | Strict<DeltaStepOptions>
  | Strict<ShortConvolutionOptions>
  | Strict<SelectiveScanOptions>
>;

/** What a call returns, its tensors as numbers. */
async function plain(x: unknown): Promise<unknown> {
  if (x instanceof tf.Tensor) return [x.shape, ...await x.data()];
  if (typeof x !== "object" || x === null) return x;
  return Promise.all(Object.values(x).map(plain));
}

onEachBackend("an option that is undefined has its default", async () => {
  tf.engine().startScope();
  const calls = mergedCalls();
  for (const owner of Object.keys(optionCalls())) {
    const options = optionsOf(calls[owner]!)
      .filter((name) => !Object.hasOwn(REQUIRED[owner] ?? {}, name));
    const none = Object.fromEntries(options.map((name) => [name, undefined]));
    // Random numbers have a seed.
    const seed = options.includes("seed") ? { seed: 1 } : {};
    const given = { ...none, ...seed };
    const results = await Promise.all([
      calls[owner]!(given),
      calls[owner]!(seed),
    ]);
    const [found, wanted] = await Promise.all(results.map(plain));
    assertEquals(found, wanted, owner);
  }
  tf.engine().endScope();
});
