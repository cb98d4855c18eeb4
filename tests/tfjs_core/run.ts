/** One run of the suite, in a process of its own. @module */
import { QUICK_SHADERS } from "../../tools/quick_shaders.ts";
import { ROOT } from "./bundle.ts";
import type { Line, Order } from "./suite.ts";

/** Seconds that a run may take; it takes three minutes on software WebGPU. */
const LONGEST_RUN = 1200;

/** What a run found. */
export interface Outcome {
  /** Tests that ran. */
  readonly ran: number;
  /** Tests that passed. */
  readonly passed: number;
  /** The first line of what each test said that failed, by its name. */
  readonly failures: ReadonlyMap<string, string>;
  /** Seconds. */
  readonly seconds: number;
}

/**
 * Runs a program that {@linkcode bundleSuite} made.
 *
 * @throws {Error} If the process does not reach its end; names the test that it was at.
 */
export async function runProgram(
  program: string,
  order: Omit<Order, "results">,
): Promise<Outcome> {
  const results = await Deno.makeTempFile({ prefix: "tfjs_core" });
  const start = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      `--config=${ROOT}deno.json`,
      "--v8-flags=--expose-gc",
      program,
      JSON.stringify({ ...order, results } satisfies Order),
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...QUICK_SHADERS },
    signal: AbortSignal.timeout(1000 * LONGEST_RUN),
  }).output();
  const seconds = (performance.now() - start) / 1000;
  const lines: Line[] = (await Deno.readTextFile(results))
    .split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  await Deno.remove(results);
  if (!success) {
    const said = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes).trim().slice(-2000)
    );
    throw new Error(
      `the run ended after ${Math.round(seconds)} s, at ${
        lines.at(-1)?.name ?? "its start"
      }:\n${said.join("\n")}`,
    );
  }
  return { ...readLines(lines), seconds };
}

/** Some tests have the name of another one: the second is "name (2)". */
function readLines(lines: readonly Line[]): Omit<Outcome, "seconds"> {
  const failures = new Map<string, string>();
  const times = new Map<string, number>();
  let ran = 0, passed = 0;
  for (const { status, message, ...line } of lines) {
    // The same test wherever it computes, as it is named in what is kept.
    const name = line.name.replace('FORWARD":true', 'FORWARD":false');
    if (status === "started" || status === "excluded") continue;
    const reason = (message ?? "").split("\n")[0]!.slice(0, 160);
    if (status === "failed around tests") {
      failures.set(`${name}: ${status}`, reason);
      continue;
    }
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    ran++;
    if (status === "passed") passed++;
    if (status !== "failed") continue;
    failures.set(time === 1 ? name : `${name} (${time})`, reason);
  }
  return { ran, passed, failures };
}
