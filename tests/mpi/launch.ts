/** Starts programs under the `mpirun` of each MPI that is there. @module */
import { fileURLToPath } from "node:url";
import { runs } from "../../tools/requirements.ts";

/** An MPI whose `mpirun` starts ranks. */
export interface Implementation {
  readonly name: string;
  readonly mpirun: string;
  readonly args: readonly string[];
  /** The file name of its library. */
  readonly library: string;
}

const KNOWN: readonly Implementation[] = [
  {
    name: "MPICH",
    mpirun: "mpirun.mpich",
    args: [],
    library: "libmpich.so.12",
  },
  {
    name: "Open MPI",
    mpirun: "mpirun.openmpi",
    // It refuses root, and more ranks than cores, unless it is told.
    args: ["--allow-run-as-root", "--oversubscribe"],
    library: "libmpi.so.40",
  },
];

/** Those that are installed; CI must have both. */
export const IMPLEMENTATIONS: Implementation[] = [];
for (const implementation of KNOWN) {
  if (await runs(implementation.mpirun, ["--version"])) {
    IMPLEMENTATIONS.push(implementation);
    continue;
  }
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
  { mpirun, args }: Implementation,
  { ranks, program, args: own = [] }: Launched,
  seconds = LONGEST_SECONDS,
): Promise<Job> {
  const path = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const child = new Deno.Command(mpirun, {
    args: [
      ...[...args, "-n", `${ranks}`, Deno.execPath(), "run", "-A"],
      ...["--no-check", path, ...own],
    ],
    // PMIx cannot always map its shared memory where it wants to, and then says to set this.
    env: { NO_COLOR: "1", PMIX_MCA_gds: "hash" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
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
