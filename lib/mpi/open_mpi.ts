import { assertOptions, optionsOf } from "@lionjs/base";
import { abortOnFailure } from "./failure.ts";
import { assertLine } from "./launcher_line.ts";
import { launchOf, openLibrary } from "./library.ts";
import { MpiCommunicator } from "./mpi_communicator.ts";

/** Options of {@linkcode openMpi}. */
export interface OpenMpiOptions {
  /**
   * The path of libmpi, from the MPI whose `mpirun` starts the program.
   * @default Open MPI's or MPICH's, by the launcher's environment variables
   */
  library?: string | undefined;
}

const OPTIONS = optionsOf<OpenMpiOptions>()("library");

/** The thread level MPI_THREAD_FUNNELED: Deno has other threads, but none of them calls MPI. */
const FUNNELED = 1;

let opened: MpiCommunicator | undefined;

/**
 * Joins this process's MPI job as a rank: `mpirun -n 4 deno run …` starts four.
 * Without `mpirun`, this process is the only rank. A second call returns the
 * same communicator.
 *
 * It works in Deno 2 on Linux, with MPICH (or a library of the same ABI: Intel
 * MPI, MVAPICH) or Open MPI, and needs `--allow-ffi` and
 * `--allow-env=OMPI_COMM_WORLD_SIZE,PMI_SIZE`; `--allow-ffi=PATH` of the
 * library is enough if it is in a system folder or named by `library`.
 *
 * While ranks wait for one another, the event loop keeps running. A rank that
 * ends before `close()`, by an uncaught error or by `Deno.exit`, ends the whole
 * job, with its message on stderr.
 *
 * @example
 * ```ts ignore
 * // mpirun -n 4 deno run --allow-ffi --allow-env program.ts
 * import { assertEquals } from "@std/assert";
 * import { openMpi } from "@lionjs/lion/mpi";
 *
 * const mpi = openMpi();
 * const [ranks] = await mpi.allreduce(Int32Array.of(1));
 * assertEquals(ranks, mpi.size);
 * await mpi.close();
 * ```
 *
 * @param options See {@linkcode OpenMpiOptions}.
 * @returns The communicator of all ranks.
 * @throws {TypeError} If an option is unknown, or of the wrong kind.
 * @throws {Error} If there is no MPI (the message says what to install), Deno
 * may not open it, it is closed, it is not the one whose `mpirun` started this
 * process, or a program between `mpirun` and this one has cut their connection.
 */
export function openMpi(options: OpenMpiOptions = {}): MpiCommunicator {
  assertOptions("openMpi", options, OPTIONS);
  const { library: named } = options;
  if (named !== undefined && typeof named !== "string") {
    throw new TypeError(`library should be a path, got ${typeof named}`);
  }
  if (opened) {
    if (!opened.closed) return opened;
    throw new Error("MPI is closed, and a process can open it only once");
  }
  if (!("Deno" in globalThis)) {
    throw new Error("openMpi works in Deno, whose FFI calls MPI, not here");
  }
  const { names, ranks } = launchOf((name) => Deno.env.get(name));
  const library = openLibrary(named === undefined ? names : [named]);
  const { functions } = library;
  assertLine(functions);
  const flag = new Int32Array(1);
  functions.MPI_Initialized(flag);
  if (flag[0] !== 0) {
    throw new Error(
      "MPI is open in this process already; open it in one thread only",
    );
  }
  // An error of this call ends the process: MPI returns errors only once initialised.
  functions.MPI_Init_thread(0n, 0n, FUNNELED, flag);
  if (flag[0]! < FUNNELED) {
    throw new Error(
      `${library.version} should allow threads (MPI_THREAD_FUNNELED), got level ${
        flag[0]
      }; install a build that does`,
    );
  }
  const communicator = new MpiCommunicator(library);
  opened = communicator;
  abortOnFailure(communicator);
  if (ranks !== undefined && ranks !== communicator.size) {
    throw new Error(
      `mpirun started ${ranks} ranks, but ${library.version} (${library.path}) sees ${communicator.size}; pass library, the path of that mpirun's libmpi`,
    );
  }
  return communicator;
}
