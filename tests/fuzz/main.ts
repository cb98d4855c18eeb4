/**
 * Attacks the library with cases of seeds: `deno task fuzz`, with `--help` for
 * what can be changed.
 *
 * @module
 */
import {
  oneOf,
  positive,
  positiveInteger,
  readCommandLine,
  someOf,
  wrapped,
} from "../../tools/command_line.ts";
import { campaign, type Found } from "./campaign.ts";
import { type Place, placeText } from "./order.ts";
import { failureText, figures, type Run, table } from "./summary.ts";
import { NAMES, targetsOf } from "./targets.ts";

const USAGE = `Usage: deno task fuzz [options]

Compares operations with float64 loops on cases drawn from seeds: outputs and all
gradients, at any shape, decay, padding and segments. Faulty streams and damaged
files must be read correctly or end with an error that says why, and a server
must serve nothing but its folder. A failure prints the smallest case that fails,
and the command line that repeats it.

  --minutes N    time for each backend (default: 1)
  --cases N      instead: number of cases per target
  --seed N       seed of each target's first case; the next case has the next seed
                 (default: from the clock)
  --only NAMES   kinds or targets, with commas:
                 ${wrapped(NAMES, 17)}
  --backend B    wasm, webgpu or cpu; may be repeated (default: all)
  --threads N    threads of wasm; may be repeated (default: 1 and 2)
  --path P       the smaller case of the seed, as a failure printed it
  --json FILE    write all figures there
  --help         print this`;

const BACKENDS = ["wasm", "webgpu", "cpu"] as const;

function integer(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value)) return value;
  throw new RangeError(`${option} should be an integer, got "${text}"`);
}

const options = await readCommandLine(USAGE, {
  minutes: { type: "string" },
  cases: { type: "string" },
  seed: { type: "string" },
  only: { type: "string" },
  backend: { type: "string", multiple: true, default: [...BACKENDS] },
  threads: { type: "string", multiple: true, default: ["1", "2"] },
  path: { type: "string" },
  json: { type: "string" },
}, (values) => {
  const { minutes, cases, path, json } = values;
  if (minutes !== undefined && cases !== undefined) {
    throw new RangeError("--minutes and --cases should not be given together");
  }
  if (path !== undefined && !/^\d+(:\d+)*$/.test(path)) {
    throw new RangeError(`--path should be such as 0:3:1, got "${path}"`);
  }
  if (path !== undefined && cases !== "1") {
    throw new RangeError("--path is of one case: --cases 1");
  }
  const counts = values.threads.map((text) =>
    positiveInteger("--threads", text)
  );
  return {
    minutes: cases === undefined
      ? positive("--minutes", minutes ?? "1")
      : undefined,
    cases: cases === undefined ? undefined : positiveInteger("--cases", cases),
    seed: values.seed === undefined
      ? Math.floor(Date.now() / 1000) % 1e9
      : integer("--seed", values.seed),
    targets: targetsOf(
      values.only === undefined ? [] : someOf("--only", values.only, NAMES),
    ),
    places: values.backend.flatMap((text): Place[] => {
      const backend = oneOf("--backend", text, BACKENDS);
      return backend === "wasm"
        ? counts.map((threads) => ({ backend, threads }))
        : [{ backend, threads: 1 }];
    }),
    path,
    json,
  };
});

const { seed, targets, minutes, cases, path } = options;
const runs: Run[] = [];
const failures: Found[] = [];
for (const place of options.places) {
  if (place.backend === "webgpu" && !await navigator.gpu?.requestAdapter()) {
    const reason =
      "no WebGPU adapter was found; `deno task setup` says how to " +
      "get Mesa's software one";
    if (Deno.env.get("CI") === "true") throw new Error(reason);
    console.warn(`SKIPPED on webgpu: ${reason}`);
    continue;
  }
  console.log(`${placeText(place)}, seeds from ${seed} on`);
  const begun = performance.now();
  const tallies = await campaign(
    {
      ...place,
      seeds: Object.fromEntries(targets.map(({ name }) => [name, seed])),
      ...minutes === undefined ? {} : { milliseconds: 60_000 * minutes },
      ...cases === undefined ? {} : { until: seed + cases },
      ...path === undefined ? {} : { path },
    },
    (found) => {
      failures.push(found);
      console.log(failureText(found));
    },
  );
  const took = (performance.now() - begun) / 60_000;
  runs.push({ ...place, minutes: took, tallies });
}
console.log(`\n${table(runs)}\n`);
if (options.json) {
  await Deno.writeTextFile(options.json, figures(runs, failures));
}
const total = runs.flatMap(({ tallies }) => [...tallies.values()])
  .reduce((sum, { cases }) => sum + cases, 0);
console.log(`${total} cases, ${failures.length} failures`);
if (failures.length > 0) Deno.exit(1);
