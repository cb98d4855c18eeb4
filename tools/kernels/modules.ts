/**
 * The WebAssembly modules that are built: where their sources lie, their jobs, and
 * which file of the assembly does the tasks of a job.
 *
 * @module
 */
import { ATTENTION, LION_JOBS } from "../../lib/kernels/wasm/jobs.ts";
import type { Fields, Jobs } from "../../lib/tfjs/wasm/job.ts";
import { JOBS } from "../../lib/tfjs/wasm/jobs.ts";

/** A module that is built. */
export interface ModuleSource {
  /** The folder of the assembly in `lib`; what is built goes to `built` beside it. */
  readonly folder: string;
  /** All jobs of the module, in the order of their numbers. */
  readonly jobs: Jobs;
  /** The files of jobs, within `lib`. */
  readonly files: Readonly<Record<string, string>>;
  /** The files, within `lib`, from which the assembly imports records, and their jobs. */
  readonly records: Readonly<Record<string, Jobs>>;
  /** The records that several jobs share, by their names in the source. */
  readonly shared: Readonly<Record<string, Fields>>;
}

/** Files within a folder. */
function within<Names extends Readonly<Record<string, string>>>(
  folder: string,
  files: Names,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([job, file]) => [job, `${folder}/${file}`]),
  );
}

const GENERAL_FOLDER = "tfjs/wasm/assembly",
  LION_FOLDER = "kernels/wasm/assembly";

/** TensorFlow.js's kernels and optimizers, and what other modules are made of too. */
export const GENERAL: ModuleSource = {
  folder: GENERAL_FOLDER,
  jobs: JOBS,
  files: within(
    GENERAL_FOLDER,
    {
      matmul: "math/matmul",
      update: "optimizers/update",
      gemv: "math/gemv",
      elementwise: "elementwise/elementwise",
      reduce: "reductions/reduce",
      cumulate: "reductions/cumulate",
      softmaxRows: "reductions/softmax_rows",
      move: "moves/move",
      gatherRows: "moves/gather_rows",
      scatterRows: "moves/scatter_rows",
      convolution: "convolution/convolution_job",
      gelu: "elementwise/gelu",
      squareSums: "optimizers/square_sums",
      depthwise: "convolution/depthwise",
    } satisfies Record<keyof typeof JOBS, string>,
  ),
  records: { [`${GENERAL_FOLDER}/jobs`]: JOBS },
  shared: {},
};

/** The files of attention. */
const LION_FILES = within(
  LION_FOLDER,
  {
    chunkwiseForward: "chunkwise/chunkwise_job",
    chunkwiseBackward: "chunkwise/chunkwise_job",
    softmax: "softmax/softmax_job",
    fullForward: "full/full_forward",
    recurrentForward: "recurrent/recurrent",
    transition: "transition/transition_job",
  } satisfies Record<keyof typeof LION_JOBS, string>,
);

/** An operation with kernels in LION's module, which describes itself. */
export interface OperationFolder {
  /** Its name in `lib/operations`. */
  readonly name: string;
  readonly jobs: Jobs;
}

/** The operations whose folders describe kernels in a file of this name, in order. */
export async function operationsWith(
  file: "wasm.ts" | "webgpu.ts",
  lib: URL,
): Promise<string[]> {
  const operations = new URL("operations/", lib);
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(operations)) {
    if (!isDirectory) continue;
    const path = new URL(`${name}/${file}`, operations);
    if (await Deno.stat(path).then(() => true, () => false)) found.push(name);
  }
  return found.sort();
}

/** The operations that have jobs of their own. */
export async function operationFolders(lib: URL): Promise<OperationFolder[]> {
  const names = await operationsWith("wasm.ts", lib);
  const all = await Promise.all(names.map(async (name) => {
    const file = new URL(`operations/${name}/wasm.ts`, lib);
    const { JOBS: jobs } = await import(file.href) as { JOBS?: Jobs };
    return jobs ? [{ name, jobs }] : [];
  }));
  return all.flat();
}

/** `job` as the name of a file. */
function fileNameOf(job: string): string {
  return job.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** LION's kernels, with those of all operations that have a folder. */
export function lionModule(
  operations: readonly OperationFolder[],
): ModuleSource {
  const module = {
    jobs: { ...LION_JOBS } as Record<string, Jobs[string]>,
    files: { ...LION_FILES },
    records: { [`${LION_FOLDER}/jobs`]: LION_JOBS } as Record<string, Jobs>,
  };
  for (const { name, jobs } of operations) {
    const folder = `operations/${name}/assembly`;
    module.records[`${folder}/records`] = jobs;
    for (const [job, described] of Object.entries(jobs)) {
      module.jobs[job] = described;
      module.files[job] = `${folder}/${fileNameOf(job)}`;
    }
  }
  return { ...module, folder: LION_FOLDER, shared: { attention: ATTENTION } };
}
