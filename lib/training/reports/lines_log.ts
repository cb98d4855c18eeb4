/**
 * A log file with one JSON object per line, which grows while a model trains
 * and is repaired when training is resumed.
 *
 * @module
 */
import { files, isMissing, writeAtomically } from "@lionjs/base/files";
import { appendTo, type MetricsLog, syncFile } from "./metrics_log.ts";

/**
 * Starts or continues a log after a number of steps: removes lines of later
 * steps, and an incomplete last line.
 */
export async function linesLog(
  path: string,
  steps: number,
): Promise<MetricsLog> {
  const text = await files().readFile(path, "utf8").catch((error) => {
    if (isMissing(error)) return "";
    throw new Error(`${path} cannot be read: ${error.message}`, {
      cause: error,
    });
  });
  // Text after the last line break is an incomplete line.
  const lines = text.split("\n").slice(0, -1);
  const end = lines.findIndex((line) => !isUpTo(line, steps));
  const kept = end < 0 ? lines : lines.slice(0, end);
  await writeAtomically(path, [encode(kept)]);
  return {
    append: (records) =>
      appendTo(path, encode(records.map((record) => JSON.stringify(record)))),
    sync: () => syncFile(path),
  };
}

function isUpTo(line: string, steps: number): boolean {
  try {
    return JSON.parse(line).step <= steps;
  } catch {
    return false;
  }
}

function encode(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}
