/**
 * Source of the WebAssembly kernels' tasks.ts: which file of the assembly does the
 * tasks of which job.
 *
 * A file exports `tasks(phase)`, their number in each of a job's two phases, and
 * `perform(phase, task)`. If threads need scratch, `layout(base)` reads the job's
 * sizes, lays it out from an address on and returns its end; and if they share
 * memory, `extraBytes()` is how much, after `layout`.
 *
 * @module
 */
import { JOBS } from "../../lib/tfjs/wasm/jobs.ts";

/** The files of jobs, within the assembly. */
const FILES: Readonly<Record<keyof typeof JOBS, string>> = {
  chunkwiseForward: "chunkwise/chunkwise_job",
  chunkwiseBackward: "chunkwise/chunkwise_job",
  matmul: "math/matmul",
  layerNorm: "layer/layer_norm",
  splitHeads: "layer/split_heads",
  update: "layer/update",
  softmax: "softmax/softmax_job",
  fullForward: "full/full_forward",
  recurrentForward: "recurrent/recurrent",
  delta: "delta/delta_job",
  gemv: "math/gemv",
  selectiveScan: "scan/scan_job",
  shortConvolution: "layer/convolution",
  rmsNorm: "layer/rms_norm",
  splitDirections: "layer/split_directions",
  joinDirections: "layer/join_directions",
  elementwise: "layer/elementwise",
  reduce: "reductions/reduce",
  cumulate: "reductions/cumulate",
  softmaxRows: "reductions/softmax_rows",
  move: "moves/move",
  gatherRows: "moves/gather_rows",
  scatterRows: "moves/scatter_rows",
  uniform: "layer/uniform",
  gelu: "layer/gelu",
  convolution: "convolution/convolution_job",
  squareSums: "layer/square_sums",
  depthwise: "convolution/depthwise",
  crossEntropy: "layer/cross_entropy",
  tokenDecay: "layer/token_decay",
  tokenMean: "layer/token_mean",
};

/** The text of tasks.ts, which does what the queue's job says. */
export async function tasksSource(assembly: URL): Promise<string> {
  const files = [...new Set(Object.values(FILES))];
  const texts = new Map(
    await Promise.all(
      files.map(async (file) =>
        [
          file,
          await Deno.readTextFile(new URL(`${file}.ts`, assembly)),
        ] as const
      ),
    ),
  );
  const nameOf = (file: string) => file.replace("/", "_");
  /** A function that calls the one of this name in the file of the job, if it is there. */
  const dispatch = (head: string, call: string, otherwise: string) => {
    const name = call.split("(")[0]!;
    const jobs = Object.keys(JOBS) as (keyof typeof JOBS)[];
    const cases = jobs.flatMap((job, number) =>
      texts.get(FILES[job])!.includes(`export function ${name}(`)
        ? [`case ${number}: return ${nameOf(FILES[job])}.${call};`]
        : []
    );
    return `export function ${head} {
switch (queue.operation) {
${cases.join("\n")}
}
return ${otherwise};
}`;
  };
  return `import { queue } from "./jobs";
import { useTiles } from "./runtime/wide_simd";
${
    files.map((file) => `import * as ${nameOf(file)} from "./${file}";`)
      .join("\n")
  }
/** Reads the job's sizes; returns the bytes of scratch that a thread needs. */
export function prepare(base: usize): usize {
useTiles(queue.wide !== 0);
return layout(base);
}
${dispatch("layout(base: usize): usize", "layout(base)", "0")}
/** Bytes that all threads share beside their scratch; after prepare(). */
${dispatch("extraBytes(): usize", "extraBytes()", "0")}
/** Tasks of a phase of the job. */
${dispatch("tasksOf(phase: i32): i32", "tasks(phase)", "unreachable()")}
/** Does a task. */
${
    dispatch(
      "perform(phase: i32, task: i32): void",
      "perform(phase, task)",
      "unreachable()",
    )
  }`;
}
