/**
 * A log file with one JSON object per line, which grows while a model trains
 * and is repaired when training is resumed.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { messageOf } from "@lionjs/base";
import {
  files,
  isMissing,
  openPlain,
  writeAtomically,
} from "@lionjs/base/files";

/** A line of the log, which belongs to one step. */
export interface LogRecord {
  readonly step: number;
  readonly [name: string]: unknown;
}

/**
 * Starts or continues a log after a number of steps: removes lines of later
 * steps, and an incomplete last line.
 */
export async function beginLog(path: string, steps: number): Promise<void> {
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
}

/** Appends lines to the log, which survive if this process is killed. */
export function appendToLog(
  path: string,
  records: readonly LogRecord[],
): Promise<void> {
  const lines = records.map((record) => JSON.stringify(record));
  return withLog(path, (file) => file.writeFile(encode(lines)));
}

/** Waits until the log is on the disk. */
export function syncLog(path: string): Promise<void> {
  return withLog(path, (file) => file.datasync());
}

async function withLog(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  try {
    const file = await openPlain(path, "append");
    try {
      await write(file);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new Error(`${path} cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
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
