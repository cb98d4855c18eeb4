/** Finding libmpi, and telling which one it is. @module */
import { type Handles, mpichHandles, openMpiHandles } from "./handles.ts";
import { type Functions, openFunctions, openVersions } from "./symbols.ts";

/** An implementation of MPI, ready to be called. */
export interface Library {
  readonly path: string;
  /** The library's own name and version, such as "Open MPI v5.0.7". */
  readonly version: string;
  readonly functions: Functions;
  /** The library's constants. */
  readonly handles: Handles;
}

/** The file names of the two families of MPI, which are not compatible. */
const OPEN_MPI = ["libmpi.so.40"];
const MPICH = ["libmpi.so.12", "libmpich.so.12"];

/** The folders where distributions put libmpi, tried if Deno may open only named files. */
const FOLDERS = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/lib",
];

/** The information that `mpirun`, or Slurm's `srun`, has passed to this process. */
export interface Launch {
  /** The names of libraries in the order to try. */
  readonly names: readonly string[];
  /** The number of ranks that the launcher has started, if it says so. */
  readonly ranks: number | undefined;
}

/** Reads the environment variables that launchers set. */
export function launchOf(get: (name: string) => string | undefined): Launch {
  const openMpi = get("OMPI_COMM_WORLD_SIZE"), pmi = get("PMI_SIZE");
  const prefersMpich = openMpi === undefined && pmi !== undefined;
  const ranks = openMpi ?? pmi;
  return {
    names: prefersMpich ? [...MPICH, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH],
    ranks: ranks === undefined ? undefined : Number(ranks),
  };
}

const INSTALL =
  `install MPICH or Open MPI (on Debian: apt-get install mpich, or openmpi-bin), or pass library, the path of libmpi`;

/** Opens the first of the named libraries that exists. */
export function openLibrary(names: readonly string[]): Library {
  const places = names.flatMap((name) => [
    name,
    ...name.includes("/") ? [] : FOLDERS.map((folder) => `${folder}/${name}`),
  ]);
  const allowed = places.filter((path) =>
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted" &&
    // With permission for a bare file name only, Deno would look in the working folder.
    (path.includes("/") ||
      Deno.permissions.querySync({ name: "ffi" }).state === "granted")
  );
  if (allowed.length === 0) {
    throw new Deno.errors.NotCapable(
      `openMpi should be allowed to open MPI's library; run again with --allow-ffi, or with --allow-ffi=${
        places.find((path) => path.includes("/")) ?? places[0]
      } if it lies there`,
    );
  }
  const reasons: string[] = [];
  for (const path of allowed) {
    let versions;
    try {
      versions = openVersions(path);
    } catch (error) {
      reasons.push((error as Error).message);
      continue;
    }
    return opened(path, versions);
  }
  throw new Error(`openMpi found no MPI: ${reasons[0]}; ${INSTALL}`);
}

function opened(
  path: string,
  versions: ReturnType<typeof openVersions>,
): Library {
  const text = new Uint8Array(8192), length = new Int32Array(1);
  versions.MPI_Get_library_version(text, length);
  const line = textOf(text, length).split(/[\n,]/)[0]!;
  const version = line.replace(/\s+/g, " ").trim();
  const major = new Int32Array(1), minor = new Int32Array(1);
  versions.MPI_Get_version(major, minor);
  if (major[0]! < 3) {
    throw new Error(
      `${path} should be of the standard MPI 3.0 or later, got ${major[0]}.${
        minor[0]
      } (${version}); ${INSTALL}`,
    );
  }
  if (version.startsWith("Open MPI")) {
    const functions = openFunctions(path, "pointer");
    return { path, version, functions, handles: openMpiHandles(path) };
  }
  if (/^(MPICH|Intel\(R\) MPI|MVAPICH|CRAY MPICH)/i.test(version)) {
    const functions = openFunctions(path, "usize");
    return { path, version, functions, handles: mpichHandles() };
  }
  throw new Error(
    `${path} should be Open MPI or of MPICH's family, got ${version}; ${INSTALL}`,
  );
}

/** Decodes the text that a function of MPI has written. */
export function textOf(bytes: Uint8Array, length: Int32Array): string {
  // Some implementations count the zero at the end.
  return new TextDecoder().decode(bytes.subarray(0, length[0])).replace(
    /\0+$/,
    "",
  );
}
