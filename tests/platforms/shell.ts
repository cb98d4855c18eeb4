/** Other programs, in folders of their own. @module */
import { fileURLToPath } from "node:url";

/** The library's folder. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** How a command ended. */
export interface Outcome {
  readonly success: boolean;
  /** What it printed on its two streams, one after the other. */
  readonly output: string;
  /** What it printed on the first. */
  readonly stdout: string;
}

/** Runs a command. */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
    // A prompt would wait for ever.
    stdin: "null",
  }).output();
  const [printed, errors] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { success, output: `${printed}${errors}`, stdout: printed! };
}

/** Runs a command that has to succeed; returns what it printed. */
export async function succeed(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { success, output, stdout } = await run(command, args, cwd, env);
  if (success) return stdout;
  throw new Error(`${command} ${args.join(" ")} in ${cwd} failed:\n${output}`);
}

/** Writes files of text into a folder. */
export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

/** Why a test cannot run here, said once; in CI it has to run. */
export function skipBecause(what: string, reason: string | undefined): boolean {
  if (reason === undefined) return false;
  if (Deno.env.get("CI") === "true") throw new Error(`${what}: ${reason}`);
  console.log(`SKIPPED ${what}: ${reason}`);
  return true;
}

/** Why npm installs nothing here, if it does not. */
export async function whyNoNpm(): Promise<string | undefined> {
  try {
    const args = ["view", "seedrandom@3.0.5", "version", "--fetch-retries=1"];
    const { success, output } = await run("npm", args, ROOT);
    return success ? undefined : `npm's registry does not answer: ${output}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no npm here";
    throw error;
  }
}
