/**
 * Any `deno` command with WebAssembly's vectors of 256 bits and without its
 * bounds checks: `deno task fast run -A program.ts`.
 *
 * @module
 */
import { endWithMistake } from "./command_line.ts";
import { runDeno } from "./run_deno.ts";

const USAGE = `Usage: deno task fast COMMAND …

Runs any Deno command, such as \`run -A program.ts\`, with two V8 flags: WebAssembly
then computes on vectors of 256 bits, and does not check addresses.

  --help   print this`;

/** See "Twice as fast on a CPU" in docs/platforms.md. */
const FLAGS = ["--experimental-wasm-revectorize", "--no-wasm-bounds-checks"];

const [command] = Deno.args;
if (command === "--help" || command === "-h") {
  console.log(USAGE);
  Deno.exit(0);
}
if (command === undefined || command.startsWith("-")) {
  const given = command === undefined ? "nothing" : `"${command}"`;
  endWithMistake(USAGE, `COMMAND should be a command of Deno, got ${given}`);
}
const others = Deno.env.get("DENO_V8_FLAGS");
const flags = others ? [others, ...FLAGS] : FLAGS;
Deno.exit(await runDeno(Deno.args, { DENO_V8_FLAGS: flags.join() }));
