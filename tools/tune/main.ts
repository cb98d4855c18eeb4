/** Finds the numbers with which kernels are fastest on this machine: `deno task tune`. @module */
import { type BackendInfo, type BackendName, useBackend } from "@lionjs/lion";
import { saveNumbers, tuningPath } from "../../lib/backend/tuning_cache.ts";
import {
  adapterClassOf,
  wasmNumbers,
  webGpuNumbers,
} from "../../lib/kernels/numbers.ts";
import type { ShapeClass, TuningNumbers } from "../../lib/kernels/tuning.ts";
import type { Budget } from "../../bench/measure/timing.ts";
import { positive, readCommandLine, someOf } from "../command_line.ts";
import { assertOutput } from "../out_folder.ts";
import { choose } from "./choose.ts";
import {
  type Engine,
  FAMILIES,
  type Family,
  type Numbers,
  type TunedName,
} from "./families.ts";
import { CLASSES, sizesOf } from "./shapes.ts";
import { nameOf, openTrials, tuningOf } from "./trials.ts";

const USAGE = `Usage: deno task tune [options]

Tries the numbers that kernels are generated from on this machine, for each kind
of kernel, for short and long sequences and heads of 32, 64 and 128. A candidate
whose output or gradients differ from the plain form in tfjs operations is
reported and rejected; the others are timed in turns with the default numbers,
and the fastest is kept if it beats these beyond noise, twice. The result is
stored by machine in a file that

    useBackend({ tuning: cachedTuning() })

reads. Run this on an idle machine.

  --backend NAMES   wasm, webgpu or both, with a comma (default: what starts here)
  --file PATH       default: ${defaultFile()}
  --minutes N       time limit (default: 5)
  --help            print this`;

/** The file, or why there is none. */
function defaultFile(): string {
  try {
    return tuningPath();
  } catch (error) {
    return (error as Error).message;
  }
}

/** How long each candidate is timed. */
const BUDGET: Budget = { milliseconds: 250, fewest: 5, warmUp: 50 };

/** What the default is called in the table. */
const OWN = "default numbers";

/** What there was no time for. */
const left: string[] = [];

/** Tunes a backend, as far as there is time, and says what came of it. */
async function tune(
  backend: TunedName,
  isTimeLeft: () => boolean,
): Promise<{ info: BackendInfo; tuning: TuningNumbers }> {
  const info = await useBackend({ prefer: [backend] });
  console.log(
    `\n${backend}${info.adapter ? `, ${info.adapter.description}` : ""}${
      info.threads ? `, ${info.threads} threads` : ""
    }`,
  );
  const numbers: Partial<Record<ShapeClass, Numbers>> = {};
  for (const shape of CLASSES) {
    for (const family of FAMILIES) {
      const found = await tuneFamily(info, family, shape, isTimeLeft);
      if (found) numbers[shape] = merge(numbers[shape], found);
    }
  }
  const threads = backend === "wasm" && await tuneThreads(info, isTimeLeft);
  return {
    info,
    tuning: { [backend]: numbers, ...(threads && { threads }) },
  };
}

/** The numbers of a kind of kernels for a class, if other ones are faster. */
async function tuneFamily(
  info: BackendInfo,
  family: Family,
  shape: ShapeClass,
  isTimeLeft: () => boolean,
): Promise<Numbers | undefined> {
  const backend = info.name as TunedName;
  const others = family.candidates[engineOf(info)].filter((numbers) =>
    changesAnything(info, shape, numbers)
  );
  if (others.length === 0) return undefined;
  const label = `${shape}, ${family.name}`;
  if (!isTimeLeft()) {
    left.push(`${info.name}, ${label}`);
    return undefined;
  }
  const trials = await openTrials(backend, family, shape);
  try {
    const choice = await choose(
      trials.candidate(OWN, {}),
      others.map((numbers) =>
        trials.candidate(nameOf(numbers), tuningOf(backend, shape, numbers))
      ),
      BUDGET,
      isTimeLeft,
    );
    tell(label, choice);
    return others.find((numbers) => nameOf(numbers) === choice.winner);
  } finally {
    trials.close();
  }
}

/** What computes. */
function engineOf({ name, adapter }: BackendInfo): Engine {
  return name === "wasm"
    ? name
    : adapter!.isFallbackAdapter
    ? "software WebGPU"
    : "GPU";
}

/** Fewer threads, if they are faster. */
async function tuneThreads(
  info: BackendInfo,
  isTimeLeft: () => boolean,
): Promise<number | undefined> {
  const most = info.threads!;
  const fewer = [...new Set([Math.ceil(most / 2), 1])]
    .filter((threads) => threads < most);
  if (fewer.length === 0 || !isTimeLeft()) return undefined;
  const trials = await openTrials("wasm", FAMILIES[0]!, "long 64");
  try {
    const choice = await choose(
      trials.candidate(OWN, { threads: most }),
      fewer.map((threads) =>
        trials.candidate(`threads ${threads}`, { threads })
      ),
      BUDGET,
      isTimeLeft,
    );
    tell("threads", choice);
    return fewer.find((threads) => `threads ${threads}` === choice.winner);
  } finally {
    trials.close();
    await useBackend({ prefer: ["wasm"] });
  }
}

/** Whether the numbers are not those that the library has anyway. */
function changesAnything(
  { name, adapter, limits }: BackendInfo,
  shape: ShapeClass,
  numbers: Numbers,
): boolean {
  const { length, columns } = sizesOf(shape).timed;
  const of = (tuning: TuningNumbers | undefined) => {
    const numbersFor = name === "wasm" ? wasmNumbers(tuning) : webGpuNumbers(
      adapterClassOf({
        ...adapter!,
        workgroupBytes: limits["maxComputeWorkgroupStorageSize"]!,
      }),
      tuning,
    );
    return JSON.stringify(
      numbersFor({ length, headDim: columns, valueDim: columns }),
    );
  };
  return of(undefined) !== of(tuningOf(name as TunedName, shape, numbers));
}

/** A line for each candidate that was slower or wrong, and what was chosen. */
function tell(
  label: string,
  { winner, ratio, discarded, hopeless, untried, measurements }: Awaited<
    ReturnType<typeof choose>
  >,
): void {
  const own = measurements[0]?.median;
  console.log(
    `${label}: ${winner ? `${winner}, ${ratio.toFixed(2)} of the time` : OWN}${
      own === undefined ? "" : ` (${own.toFixed(1)} ms)`
    }`,
  );
  for (const { name, ratio } of [...measurements.slice(1), ...hopeless]) {
    console.log(`    ${ratio.toFixed(2)}  ${name}`);
  }
  for (const { name, why } of discarded) {
    console.log(`    rejected: ${name}: ${why}`);
  }
  for (const name of untried) console.log(`    no time left: ${name}`);
}

/** Numbers of several kinds of kernels. */
function merge(under: Numbers | undefined, over: Numbers): Numbers {
  const merged = { ...under } as Record<string, object>;
  for (const [family, some] of Object.entries(over)) {
    merged[family] = { ...merged[family], ...some };
  }
  return merged;
}

const options = await readCommandLine(USAGE, {
  backend: { type: "string" },
  file: { type: "string" },
  minutes: { type: "string", default: "5" },
}, async ({ backend, file, minutes }) => {
  if (file !== undefined) await assertOutput("--file", file);
  return {
    backends: backend === undefined
      ? undefined
      : someOf("--backend", backend, ["wasm", "webgpu"]),
    file,
    minutes: positive("--minutes", minutes),
  };
});

/** What starts here, if it has kernels. */
async function startingBackend(): Promise<TunedName> {
  const { name }: { name: BackendName } = await useBackend();
  if (name !== "cpu") return name;
  throw new Error("only wasm and webgpu have kernels, and neither starts here");
}

const backends = options.backends ?? [await startingBackend()];
const start = performance.now();
for (const [i, backend] of backends.entries()) {
  // Each has an equal part.
  const end = start + (i + 1) / backends.length * options.minutes * 60_000;
  const { info, tuning } = await tune(backend, () => performance.now() < end);
  await saveNumbers(info, tuning, options.file);
}
if (left.length > 0) {
  console.log(`\nNo time was left for:\n    ${left.join("\n    ")}`);
}
console.log(`\nWritten to ${options.file ?? tuningPath()}`);
Deno.exit(0);
