/**
 * What `deno bench -A` times: every form of every variant on every backend that
 * starts, forward and with gradients, beside softmax attention and a plain loop.
 *
 * On two cores without a GPU it takes less than four minutes. A group makes its
 * inputs and checks its results when its first bench runs; a wrong result fails
 * the group. `--filter gradients` and the like pick benches by their names, and
 * variables of the environment choose other problems: `LION_BACKENDS`,
 * `LION_BENCH_LENGTHS`, `LION_BENCH_VARIANTS` and `LION_BENCH_PASSES`.
 *
 * @module
 */
import type { BackendInfo, BackendName } from "@lionjs/lion";
import { someOf, wholeNumbers } from "../tools/command_line.ts";
import { attentionGroup, baselineOf, defaultNames } from "./attention.ts";
import { PASSES } from "./measure/tensors.ts";
import { VARIANT_NAMES, VARIANTS } from "./attention_problem.ts";
import { type Group, type OpenGroup, startBackend } from "./group.ts";
import { assertParity } from "./measure/timing.ts";
import { type ByPower, powerOf } from "./report/figure.ts";

/** The value of a variable of the environment, or another. */
const chosen = (variable: string, otherwise: string) =>
  Deno.env.get(variable) ?? otherwise;

/** Backends, in their order. */
const BACKENDS = someOf<BackendName>(
  "LION_BACKENDS",
  chosen("LION_BACKENDS", "wasm,cpu,webgpu"),
  ["wasm", "webgpu", "cpu"],
);
const CHOSEN_VARIANTS = someOf(
  "LION_BENCH_VARIANTS",
  chosen("LION_BENCH_VARIANTS", VARIANTS.join()),
  VARIANTS,
);
const CHOSEN_PASSES = someOf(
  "LION_BENCH_PASSES",
  chosen("LION_BENCH_PASSES", PASSES.join()),
  PASSES,
);
/** Tokens that fit the kind of a backend. */
const LENGTHS: ByPower<string> = {
  gpu: "1024,4096",
  wasm: "256,1024",
  software: "256",
  cpu: "32",
};
const HEADS = 4;
const threads = navigator.hardwareConcurrency;

/** The group whose inputs are in place: benches of a group run one after another. */
let current: { group: Group; opened: Promise<OpenGroup> } | undefined;

/** Makes the inputs of a group and checks all of its results, once. */
async function opened(group: Group): Promise<OpenGroup> {
  if (current?.group !== group) {
    const before = current?.opened;
    current = {
      group,
      opened: (async () => {
        await (await before?.catch(() => undefined))?.close();
        const open = await group.open();
        await assertParity(open.contenders);
        return open;
      })(),
    };
  }
  return await current.opened;
}

for (const backend of BACKENDS) {
  const info = await startBackend(backend, threads).catch((error) => {
    console.warn(`no bench on ${backend}: ${error.message}`);
  });
  if (info) registerBackend(info);
}

function registerBackend(info: BackendInfo): void {
  const lengths = chosen("LION_BENCH_LENGTHS", LENGTHS[powerOf(info)]);
  for (const length of wholeNumbers("LION_BENCH_LENGTHS", lengths)) {
    for (const pass of CHOSEN_PASSES) {
      for (const variant of CHOSEN_VARIANTS) {
        const problem = { backend: info.name, pass, variant, length } as const;
        registerGroup(
          attentionGroup({ ...problem, heads: HEADS, threads }),
          defaultNames(problem),
          `${info.name}, ${VARIANT_NAMES[variant]}, ${pass}, ${length} tokens`,
        );
      }
    }
  }
}

function registerGroup(
  group: Group,
  names: readonly string[],
  title: string,
): void {
  for (const name of names) {
    Deno.bench({
      name: `${name}: ${title}`,
      group: title,
      baseline: name === baselineOf(names),
      n: 10,
      warmup: 1,
      fn: async (bench) => {
        const { contenders } = await opened(group);
        const contender = contenders.find((other) => other.name === name)!;
        bench.start();
        await contender.run();
        bench.end();
      },
    });
  }
}
