/** Runs this Deno again. @module */

/** Those that end a program, and that its child is to hear of too. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGBREAK"]
  : ["SIGTERM", "SIGHUP"];

/**
 * Runs a command of this Deno in the place of the program: it has the
 * terminal, and what ends the program ends it.
 *
 * @returns Its exit code.
 */
export async function runDeno(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), { args: [...args], env })
    .spawn();
  const handOn = () => child.kill("SIGTERM");
  // A terminal sends Ctrl-C to both: the child decides what it means.
  const stay = () => {};
  Deno.addSignalListener("SIGINT", stay);
  for (const signal of SIGNALS) Deno.addSignalListener(signal, handOn);
  try {
    return (await child.status).code;
  } finally {
    Deno.removeSignalListener("SIGINT", stay);
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, handOn);
  }
}
