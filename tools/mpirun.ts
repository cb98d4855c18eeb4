/** The MPI implementations that start ranks here, as Debian names them. @module */
import { runs } from "./requirements.ts";

/** An MPI whose `mpirun` starts ranks. */
export interface Implementation {
  readonly name: string;
  readonly mpirun: string;
  readonly args: readonly string[];
  /** The file name of its library. */
  readonly library: string;
}

/** Both can be installed side by side. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
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

/** Those that are installed. */
export async function installed(): Promise<Implementation[]> {
  const found = await Promise.all(
    IMPLEMENTATIONS.map(({ mpirun }) => runs(mpirun, ["--version"])),
  );
  return IMPLEMENTATIONS.filter((_, i) => found[i]);
}

/** Runs a program, or what else follows `deno run -A --no-check`. */
export function denoRun(...args: string[]): string[] {
  return [Deno.execPath(), "run", "-A", "--no-check", ...args];
}

/** Starts so many ranks, each of them with this command; all output is piped. */
export function startRanks(
  { mpirun, args }: Implementation,
  ranks: number,
  command: readonly string[],
): Deno.ChildProcess {
  return new Deno.Command(mpirun, {
    args: [...args, "-n", `${ranks}`, ...command],
    // PMIx cannot always map its shared memory where it wants to, and then says to set this.
    env: { NO_COLOR: "1", PMIX_MCA_gds: "hash" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
