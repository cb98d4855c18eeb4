/** What TensorFlow.js's own backends fail, as `--stock --write` found it. @module */
import type { Order } from "./suite.ts";
import type { Outcome } from "./run.ts";

const FOLDER = new URL("stock_failures/", import.meta.url);

/** What is kept of a run of tfjs's own backend. */
export interface StockFailures {
  /** Tests that ran. */
  readonly ran: number;
  /** What each test said that failed. */
  readonly failures: Readonly<Record<string, string>>;
}

function fileOf(backend: Order["backend"]): URL {
  return new URL(`${backend}.json`, FOLDER);
}

/** What the names of all tests of a backend contain. */
const RUNS: Readonly<Record<Order["backend"], string>> = {
  cpu: " cpu {} ",
  wasm: " wasm {} ",
  webgpu: ' webgpu {"WEBGPU_CPU_FORWARD":false} ',
};

/** What stands in a file for it. */
const RUN = " @ ";

/** As it lies in a file: many tests fail by the same words. */
interface KeptFailures {
  readonly ran: number;
  /** The tests by what they said. */
  readonly failures: Readonly<Record<string, readonly string[]>>;
}

/** Reads what was kept of a backend. */
export async function readStockFailures(
  backend: Order["backend"],
): Promise<StockFailures> {
  const { ran, failures }: KeptFailures = JSON.parse(
    await Deno.readTextFile(fileOf(backend)),
  );
  const byTest = Object.entries(failures).flatMap(([said, tests]) =>
    tests.map((test) => [test.replace(RUN, RUNS[backend]), said])
  );
  return { ran, failures: Object.fromEntries(byTest) };
}

/** Keeps what was found. */
export async function writeStockFailures(
  backend: Order["backend"],
  { ran, failures }: Outcome,
): Promise<void> {
  const byWords: Record<string, string[]> = {};
  for (const [test, said] of failures) {
    (byWords[said] ??= []).push(test.replace(RUNS[backend], RUN));
  }
  const kept: KeptFailures = { ran, failures: byWords };
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.writeTextFile(
    fileOf(backend),
    `${JSON.stringify(kept, null, 1)}\n`,
  );
}
