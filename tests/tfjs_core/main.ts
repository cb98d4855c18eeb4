/**
 * tfjs-core's own tests on the backends of this library: `deno task tfjs-suite`,
 * with `--help` for what can be changed.
 *
 * @module
 */
import {
  oneOf,
  readCommandLine,
  threadCount,
} from "../../tools/command_line.ts";
import { bundleSuite } from "./bundle.ts";
import { type Outcome, runProgram } from "./run.ts";
import { readStockFailures, writeStockFailures } from "./stock_failures.ts";
import { STRICTER } from "./stricter.ts";
import type { Order } from "./suite.ts";

const USAGE = `Usage: deno task tfjs-suite [options]

Runs the tests that @tensorflow/tfjs-core ships on this library's backends. Only
tests that TensorFlow.js's own backend fails may fail.

  --backend B   cpu, wasm or webgpu; may be repeated (default: all)
  --threads N   threads of wasm; may be repeated (default: 1 and 2)
  --filter T    only tests whose name contains T
  --stock       run on TensorFlow.js's own backends, and list what fails
  --write       with --stock: keep the list in tests/tfjs_core/stock_failures
  --help        print this`;

const BACKENDS = ["cpu", "wasm", "webgpu"] as const;

type Run = Pick<Order, "backend" | "threads" | "onHost">;

interface Options {
  readonly runs: readonly Run[];
  readonly filter: string;
  readonly stock: boolean;
  readonly write: boolean;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    backend: { type: "string", multiple: true, default: [...BACKENDS] },
    threads: { type: "string", multiple: true },
    filter: { type: "string", default: "" },
    stock: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  }, (values) => {
    const { stock, write, filter } = values;
    // Its threads do not start in Deno.
    const counts = (values.threads ?? (stock ? ["1"] : ["1", "2"]))
      .map((text) => threadCount("--threads", text));
    if (write && (!stock || filter !== "")) {
      throw new RangeError("--write needs --stock, and no --filter");
    }
    const runs = values.backend.flatMap((text): Run[] => {
      const backend = oneOf("--backend", text, BACKENDS);
      if (backend === "wasm") {
        return counts.map((threads) => ({ backend, threads, onHost: false }));
      }
      // Of many operations webgpu has two implementations: shaders, and the host's.
      const places = backend === "webgpu" && !stock ? [false, true] : [false];
      return places.map((onHost) => ({ backend, threads: 1, onHost }));
    });
    return { runs, filter, stock, write };
  });
}

/** Runs at once: most of a run is one thread's. */
const AT_ONCE = 2;

/** Why a backend cannot run here, if it cannot. */
async function reasonToSkip(
  backend: Order["backend"],
): Promise<string | undefined> {
  if (backend !== "webgpu") return undefined;
  if (await navigator.gpu?.requestAdapter()) return undefined;
  const reason = "no WebGPU adapter was found; `deno task setup` says how to " +
    "get Mesa's software one";
  if (Deno.env.get("CI") === "true") throw new Error(reason);
  return reason;
}

/** Says what was found, and how many failures tfjs's own backend lacks. */
async function judge(
  label: string,
  { backend }: Run,
  { ran, passed, failures, seconds }: Outcome,
  filtered: boolean,
): Promise<number> {
  const stock = await readStockFailures(backend);
  const names = [...failures.keys()];
  const onPurpose = names.filter((name) => STRICTER.has(name));
  const alone = names.filter((name) =>
    !(name in stock.failures) && !STRICTER.has(name)
  );
  const shared = names.length - onPurpose.length - alone.length;
  console.log(
    `${label}: of ${ran} tests ${passed} pass, ${shared} fail as on ` +
      `TensorFlow.js's own backend, ${onPurpose.length} on purpose, ` +
      `${alone.length} only here (${Math.round(seconds)} s)`,
  );
  for (const name of onPurpose) console.log(`  ${name}: ${STRICTER.get(name)}`);
  for (const name of alone) console.log(`  ${name}: ${failures.get(name)}`);
  if (filtered || ran === stock.ran) return alone.length;
  console.log(`  ${stock.ran} tests ran on TensorFlow.js's own, ${ran} here`);
  return alone.length + 1;
}

const { runs, filter, stock, write } = await readOptions();
const folder = await Deno.makeTempDir({ prefix: "tfjs_core" });
let passed = 0, failed = 0;

/** Runs on one backend, and says what was found. */
async function runOne(program: string, run: Run): Promise<void> {
  const { backend, threads, onHost } = run;
  const label = backend === "wasm"
    ? `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}`
    : backend + (onHost ? ", small tensors on the host" : "");
  const reason = await reasonToSkip(backend);
  if (reason !== undefined) {
    console.warn(`SKIPPED ${label}: ${reason}`);
    return;
  }
  const outcome = await runProgram(program, { ...run, filter });
  passed += outcome.passed;
  if (!stock) {
    const found = await judge(label, run, outcome, filter !== "");
    failed += found;
    return;
  }
  failed += outcome.failures.size;
  console.log(
    `${label}, TensorFlow.js's own: ${outcome.ran} tests, ${
      Math.round(outcome.seconds)
    } s`,
  );
  for (const [name, said] of outcome.failures) {
    console.log(`  ${name}: ${said}`);
  }
  if (write) await writeStockFailures(backend, outcome);
}

try {
  const program = await bundleSuite(stock ? "stock" : "ours", folder);
  // The longest first, which is that on software WebGPU.
  const waiting = runs.toReversed();
  const work = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      await runOne(program, run);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 && !stock) Deno.exit(1);
