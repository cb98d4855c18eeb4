/**
 * Times every form of every variant on every backend with `deno bench -A`,
 * forward and with gradients, beside softmax attention and a plain loop. The
 * results are checked first, and no time is taken if one is wrong.
 *
 * All of it takes hours: `LION_BENCH_LENGTHS=256,1024`, `LION_BACKENDS=wasm`
 * and `LION_BENCH_VARIANTS=s` narrow it. `deno task bench` says more in less time.
 *
 * @module
 */
import type { BackendName } from "@lionjs/lion";
import { attentionGroup, longestOn } from "./attention.ts";
import { PASSES, type Variant, VARIANTS } from "./attention_problem.ts";
import type { Group, OpenGroup } from "./group.ts";
import { startBackend } from "./group.ts";
import { assertParity } from "./measure.ts";

function listed(variable: string, otherwise: readonly unknown[]): string[] {
  return (Deno.env.get(variable) ?? otherwise.join()).split(",");
}

const LENGTHS = listed("LION_BENCH_LENGTHS", [256, 1024, 4096, 16_384])
  .map(Number);
const BACKENDS = listed("LION_BACKENDS", ["webgpu", "wasm", "cpu"]);
const CHOSEN_VARIANTS = listed("LION_BENCH_VARIANTS", VARIANTS);
const threads = navigator.hardwareConcurrency;

/** The group whose inputs are in place: benches of a group run one after another. */
let current: { group: Group; opened: OpenGroup } | undefined;

async function opened(group: Group): Promise<OpenGroup> {
  if (current?.group !== group) {
    await current?.opened.close();
    current = { group, opened: await group.open() };
  }
  return current.opened;
}

async function register(group: Group): Promise<void> {
  const { contenders, baseline } = await opened(group);
  await assertParity(contenders);
  const { pass, variant, length } = group.parameters;
  for (const { name } of contenders) {
    Deno.bench({
      name,
      group: `${group.backend} ${pass} ${variant} L=${length}`,
      baseline: name === baseline,
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

for (const backend of BACKENDS as BackendName[]) {
  const info = await startBackend(backend, threads).catch((error) => {
    console.warn(`no bench on ${backend}: ${error.message}`);
  });
  if (!info) continue;
  for (const pass of PASSES) {
    for (const variant of CHOSEN_VARIANTS as Variant[]) {
      for (const length of LENGTHS) {
        if (length > longestOn(backend)) continue;
        const choice = { backend, pass, variant, length, heads: 4, threads };
        await register(attentionGroup({ ...choice, torch: null }));
      }
    }
  }
}
