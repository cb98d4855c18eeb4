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

/** Reads what was kept of a backend. */
export async function readStockFailures(
  backend: Order["backend"],
): Promise<StockFailures> {
  return JSON.parse(await Deno.readTextFile(fileOf(backend)));
}

/** Keeps what was found. */
export async function writeStockFailures(
  backend: Order["backend"],
  { ran, failures }: Outcome,
): Promise<void> {
  const kept: StockFailures = { ran, failures: Object.fromEntries(failures) };
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.writeTextFile(
    fileOf(backend),
    `${JSON.stringify(kept, undefined, 2)}\n`,
  );
}
