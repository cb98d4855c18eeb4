/**
 * A file with a JSON object on each line, that grows while a model trains and
 * is whole again when training is resumed.
 *
 * @module
 */
import { writeAtomically } from "../io/atomic_write.ts";
import { files, isMissing } from "../io/file_system.ts";

/** What a line says about a step. */
export interface LogRecord {
  /** The step. */
  readonly step: number;
  /** Anything that is JSON. */
  readonly [name: string]: unknown;
}

/** Begins a log after so many steps: lines about later ones go, and a torn one. */
export async function beginLog(path: string, steps: number): Promise<void> {
  const text = await files().readFile(path, "utf8").catch((error) => {
    if (isMissing(error)) return "";
    throw error;
  });
  // What follows the last line's end is torn.
  const lines = text.split("\n").slice(0, -1);
  const end = lines.findIndex((line) => !isUpTo(line, steps));
  const kept = end < 0 ? lines : lines.slice(0, end);
  await writeAtomically(path, [encode(kept)]);
}

/** Appends lines; they survive the end of this process. */
export async function appendToLog(
  path: string,
  records: readonly LogRecord[],
): Promise<void> {
  const lines = records.map((record) => JSON.stringify(record));
  try {
    await files().appendFile(path, encode(lines));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`${path} cannot be written: ${reason}`, { cause });
  }
}

/** Waits until the log is on the disk. */
export async function syncLog(path: string): Promise<void> {
  const file = await files().open(path, "a");
  try {
    await file.datasync();
  } finally {
    await file.close();
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
