/** Starts programs under the `mpirun` of each MPI that is there. @module */
import { fileURLToPath } from "node:url";
import {
  denoRun,
  type Implementation,
  IMPLEMENTATIONS as KNOWN,
  installed,
  startRanks,
} from "../../tools/mpirun.ts";

/** Those that are installed; CI must have both. */
export const IMPLEMENTATIONS: readonly Implementation[] = await installed();
for (const implementation of KNOWN) {
  if (IMPLEMENTATIONS.includes(implementation)) continue;
  const reason =
    `${implementation.name} is not installed; \`deno task setup --mpi\` says how to get it`;
  if (Deno.env.get("CI") === "true") throw new Error(reason);
  console.warn(`SKIPPED: ${reason}`);
}

/** What a job came to. */
export interface Job {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * No job here takes longer, however busy the machine, unless its ranks wait for
 * one another forever.
 */
const LONGEST_SECONDS = 300;

/** A program of `programs`, and how it is started. */
export interface Launched {
  readonly ranks: number;
  readonly program: string;
  readonly args?: readonly string[];
}

/** Runs a program as ranks; a job that takes longer is ended, with the code -1. */
export async function launch(
  implementation: Implementation,
  { ranks, program, args = [] }: Launched,
  seconds = LONGEST_SECONDS,
): Promise<Job> {
  const path = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  return await launchCommand(
    implementation,
    ranks,
    denoRun(path, ...args),
    seconds,
  );
}

/** The same of a command, which each rank runs. */
export async function launchCommand(
  implementation: Implementation,
  ranks: number,
  command: readonly string[],
  seconds: number,
): Promise<Job> {
  const child = startRanks(implementation, ranks, command);
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGTERM");
  }, 1000 * seconds);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const text = new TextDecoder();
  return {
    code: hung ? -1 : code,
    stdout: text.decode(stdout),
    stderr: text.decode(stderr),
  };
}
