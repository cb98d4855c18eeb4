/**
 * Source of a WebAssembly module's tasks.ts: which file of the assembly does the tasks
 * of which job.
 *
 * A file exports `tasks(phase)`, their number in each of a job's two phases, and
 * `perform(phase, task)`. If threads need scratch, `layout(base)` reads the job's
 * sizes, lays it out from an address on and returns its end; and if they share
 * memory, `extraBytes()` is how much, after `layout`.
 *
 * @module
 */
import type { ModuleSource } from "./modules.ts";

/** The text of tasks.ts, which does what the queue's job says. */
export async function tasksSource(
  { jobs, files, records }: ModuleSource,
  lib: URL,
): Promise<string> {
  const texts = new Map(
    await Promise.all(
      Object.values(files).map(async (file) =>
        [
          file,
          await Deno.readTextFile(new URL(`${file}.ts`, lib)),
        ] as const
      ),
    ),
  );
  const nameOf = (file: string) => file.replaceAll("/", "_");
  /** A function that calls the one of this name in the file of the job, if it is there. */
  const dispatch = (head: string, call: string, otherwise: string) => {
    const name = call.split("(")[0]!;
    const cases = Object.keys(jobs).flatMap((job, number) =>
      texts.get(files[job]!)!.includes(`export function ${name}(`)
        ? [`case ${number}: return ${nameOf(files[job]!)}.${call};`]
        : []
    );
    return `export function ${head} {
switch (queue.operation) {
${cases.join("\n")}
}
return ${otherwise};
}`;
  };
  // Threads import this file from the folder of the general module.
  const importOf = (file: string) =>
    `import * as ${nameOf(file)} from "../../../${file}";`;
  return `import { attachQueue, queue } from "./runtime/queue";
import { useTiles } from "./runtime/wide_simd";
${[...texts.keys(), ...Object.keys(records)].map(importOf).join("\n")}
/** Points to the queue and the records behind it. */
export function attach(pointer: usize): void {
attachQueue(pointer);
${
    Object.keys(records)
      .map((file) => `${nameOf(file)}.attachRecords(pointer);`)
      .join("\n")
  }
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
