/** What grows on the disk while a model trains. @module */
import type { FileHandle } from "node:fs/promises";
import { messageOf } from "@lionjs/base";
import { openPlain } from "@lionjs/base/files";

/** What is logged of a step, or of an evaluation after it. */
export interface LogRecord {
  readonly step: number;
  readonly [name: string]: unknown;
}

/** A log of a run. */
export interface MetricsLog {
  /** Adds records, which survive if this process is killed. */
  append(records: readonly LogRecord[]): Promise<void>;
  /** Waits until all of it is on the disk. */
  sync(): Promise<void>;
}

/** Adds bytes to a file, or creates it. */
export function appendTo(path: string, bytes: Uint8Array): Promise<void> {
  return withFile(path, (file) => file.writeFile(bytes));
}

/** Waits until a file is on the disk. */
export function syncFile(path: string): Promise<void> {
  return withFile(path, (file) => file.datasync());
}

async function withFile(
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
