/** Where tasks put what they make: in `out`, which git ignores. @module */

import { dirname } from "node:path";
import { assertPath } from "../lib/base/values.ts";
import { writeAtomically } from "../lib/base/atomic_write.ts";

/** What is there, and who makes it. */
export const MADE = {
  "demo.html": "deno task demo",
  "bench.json": "deno task bench --json",
  "report.html": "deno task report",
  "report.json": "deno task report",
  "lion-report.tar.gz": "deno task report --pack",
  "train": "deno task train: models, checkpoints and logs",
  "models": "deno task models: data, checkpoints and results of tests",
  "jupyter": "deno task notebooks and lab: Deno as a kernel",
  "jupyterlab": "deno task lab, on Debian: JupyterLab",
  "lion.tgz": "deno task pack",
  "lab": "deno task lab-test: screenshots",
  "onnx": "deno task test:onnx: ONNX Runtime and transformers.js",
  "site": "deno task site",
  "site-test": "deno task site-test: screenshots",
} as const;

/** The folder, in this repository. */
export const OUT: URL = new URL("../out/", import.meta.url);

/** A path from the root of the repository, where tasks run. */
export function outPath(name: keyof typeof MADE): string {
  return `out/${name}`;
}

/** The folder of that name, wherever the program runs. */
export function outFolder(name: keyof typeof MADE): URL {
  return new URL(`${name}/`, OUT);
}

/**
 * Writes a file and the folders that it lies in: whole or not at all, and
 * instead of a link that lies there, not where it leads.
 */
export async function writeOutput(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const chunks = typeof content === "string"
    ? [new TextEncoder().encode(content)]
    : content;
  await writeAtomically(path, chunks);
}

/**
 * Makes the folder of an output, and sees that a file can be written there: what
 * takes minutes should not fail at its end.
 *
 * @param option The option that names the file, for the message.
 * @throws {RangeError} If it cannot.
 */
export async function assertOutput(
  option: string,
  path: string,
): Promise<void> {
  assertPath(option, path);
  try {
    const dir = dirname(path);
    await Deno.mkdir(dir, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir }));
    if (await isFolder(path)) throw new Error("there is a folder");
  } catch (cause) {
    throw new RangeError(
      `${option} should be a file that can be written, got ${path}: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}

async function isFolder(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => undefined);
  return info?.isDirectory ?? false;
}
