/**
 * A lock that one process holds at a time. It is a file, and is released when
 * its process ends in any way: in Deno it is a lock of the operating system;
 * Node has none, and checks whether the process named in the file still exists.
 *
 * The file is only ever created, never written where something exists already:
 * another user of the folder may have put a link to one of our files there.
 * What is found there and is nobody's lock is removed, and links are not
 * followed.
 *
 * @module
 */
import { messageOf } from "./shown.ts";
import { files, isMissing, openPlain } from "./file_system.ts";

/** A lock on a file, which no other process has. */
export interface FileLock {
  /** Whether the lock still exists: others may remove the file, or its folder. */
  isHeld(): Promise<boolean>;
  /** Releases the lock, and removes its file. */
  release(): Promise<void>;
}

/** The error if another process, or this one, already has the lock. */
export class FileInUse extends Error {
  /** The process that has the lock, in words. */
  readonly owner: string;

  /** @param path The lock's file. */
  constructor(path: string, owner: Owner | undefined) {
    const own = owner?.pid === globalThis.process?.pid;
    const who = own
      ? "this process"
      : owner
      ? `process ${owner.pid}`
      : "another process";
    super(`${path} is in use by ${who}; try again when it has ended`);
    this.owner = who;
  }
}

/** The process named in a lock file. */
interface Owner {
  readonly runtime: "deno" | "node";
  readonly pid: number;
  /**
   * The process's start time as the system counts it, which distinguishes it
   * from a later process with the same id.
   */
  readonly began?: string | undefined;
  /** An id that distinguishes the locks of one process. */
  readonly id?: string;
}

/** Size limit of a lock file's text in bytes. */
const LONGEST = 1024;

/**
 * Locks a file until it is released, or until the process ends.
 *
 * @param path A file that only serves as this lock; its folder must exist.
 * @throws {FileInUse} If it is locked already.
 */
export async function lockFile(path: string): Promise<FileLock> {
  try {
    return "Deno" in globalThis && "tryLock" in Deno.FsFile.prototype
      ? await lockBySystem(path)
      : await lockByName(path);
  } catch (cause) {
    if (cause instanceof FileInUse) throw cause;
    throw new Error(`${path} cannot be locked: ${messageOf(cause)}`, { cause });
  }
}

/** Milliseconds after which {@linkcode whileLocked} stops waiting. */
const PATIENCE = 10_000;

/**
 * Runs a function while holding the lock, after waiting for others.
 *
 * @throws {FileInUse} If they hold it for more than ten seconds.
 */
export async function whileLocked<Result>(
  path: string,
  run: () => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    let lock: FileLock;
    try {
      lock = await lockFile(path);
    } catch (error) {
      const waits = error instanceof FileInUse && performance.now() < deadline;
      if (!waits) throw error;
      // A random pause, so that those who wait do not retry all at once.
      await pause(10 + 40 * Math.random());
      continue;
    }
    try {
      return await run();
    } finally {
      await lock.release();
    }
  }
}

async function lockBySystem(path: string): Promise<FileLock> {
  for (;;) {
    const file = await openNew(path);
    if (!file) {
      await removeUnlocked(path);
      continue;
    }
    try {
      const isOurs = await file.tryLock(true).catch((error) => {
        console.warn(
          `${path} cannot be locked, so that nothing tells whether another process has it: ${error.message}`,
        );
        return true;
      });
      if (isOurs) {
        await writeAll(file, encode({ runtime: "deno", pid: Deno.pid }));
      }
      // Another process may have removed it before it was locked and named.
      if (isOurs && await isAt(file, path)) return lockOf(file, path);
      file.close();
    } catch (error) {
      await lockOf(file, path).release();
      throw error;
    }
  }
}

/** Makes the lock that an open file holds. */
function lockOf(file: Deno.FsFile, path: string): FileLock {
  let isOpen = true;
  const isHeld = async () => isOpen && await isAt(file, path);
  return {
    isHeld,
    async release() {
      try {
        if (await isHeld()) await files().rm(path, { force: true });
      } finally {
        if (isOpen) file.close();
        isOpen = false;
      }
    },
  };
}

/** Creates and opens a new file, through no link; returns undefined if the path exists. */
async function openNew(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { read: true, write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}

/** Removes what is at a path, unless it is a process's lock. */
async function removeUnlocked(path: string): Promise<void> {
  const text = await textOf(path);
  if (text === undefined) return await takeAway(path, undefined);
  const file = await Deno.open(path, { read: true, write: true })
    .catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
  if (!file) return;
  try {
    const isFree = await file.tryLock(true).catch(() => true);
    // The owner may be about to write its id.
    if (!isFree) await pause(100);
    const owner = ownerIn(await textOf(path));
    if (!isFree || (owner?.runtime === "node" && await isAlive(owner))) {
      throw new FileInUse(path, owner);
    }
    // Only the file that was locked is removed, not another at the same path.
    if (await isAt(file, path)) await files().rm(path, { force: true });
  } finally {
    file.close();
  }
}

/** Whether an open file is still the one at its path, and no link has replaced it. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  const [own, there] = await Promise.all([
    file.stat(),
    Deno.lstat(path).catch(() => undefined),
  ]);
  return own.dev === there?.dev && own.ino === there.ino;
}

/** What the system says where a disk has no links, as many sticks do not. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

async function lockByName(path: string): Promise<FileLock> {
  const { writeFile, link, rm } = files();
  const { pid } = globalThis.process;
  const owner: Owner = {
    ...{ runtime: "node", pid, began: await beginOf(pid) },
    id: crypto.randomUUID(),
  };
  const own = encode(owner);
  const beside = besideOf(path);
  const isHeld = async () => await textOf(path) === decode(own);
  const create = (path: string) => writeFile(path, own, { flag: "wx" });
  try {
    await create(beside);
    for (;;) {
      try {
        await link(beside, path).catch((error) => {
          if (!NO_LINKS.includes(error.code)) throw error;
          return create(path);
        });
        return {
          isHeld,
          async release() {
            if (await isHeld()) await rm(path, { force: true });
          },
        };
      } catch (error) {
        if (Object(error).code !== "EEXIST") throw error;
      }
      const text = await textOf(path);
      const owner = ownerIn(text);
      if (owner && await isAlive(owner)) throw new FileInUse(path, owner);
      await takeAway(path, text);
    }
  } finally {
    await rm(beside, { force: true });
  }
}

/** Makes an unused name in the folder of the path. */
function besideOf(path: string): string {
  return `${path}.${crypto.randomUUID()}`;
}

/**
 * Removes what is at a path, even a link. If another process has put its lock
 * there since, the lock is put back.
 *
 * @param text What was there before, as returned by {@linkcode textOf}.
 */
async function takeAway(path: string, text: string | undefined): Promise<void> {
  const { link, rename, rm } = files();
  const taken = besideOf(path);
  try {
    await rename(path, taken);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  try {
    if (await textOf(taken) !== text) await link(taken, path).catch(() => {});
  } finally {
    await rm(taken, { force: true });
  }
}

async function isAlive({ pid, began }: Owner): Promise<boolean> {
  try {
    // Signal 0 only checks that the process exists.
    globalThis.process.kill(pid, 0);
  } catch (error) {
    if (Object(error).code === "ESRCH") return false;
  }
  const now = await beginOf(pid);
  return began === undefined || now === undefined || began === now;
}

/** The start time of a process; `undefined` if the system is not Linux. */
async function beginOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await files().readFile(`/proc/${pid}/stat`, "utf8");
    // The process name before these fields, in brackets, may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function ownerIn(text: string | undefined): Owner | undefined {
  try {
    const { pid, ...owner } = JSON.parse(text ?? "");
    return Number.isSafeInteger(pid) && pid > 0 ? { ...owner, pid } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the beginning of a file's text, which is empty if the file does not exist
 * or cannot be read, and undefined if it is something else, such as a link.
 */
async function textOf(path: string): Promise<string | undefined> {
  const info = await files().lstat(path).catch(() => undefined);
  if (info?.isDirectory()) throw new Error("a folder is there; remove it");
  if (info && !info.isFile()) return undefined;
  try {
    const file = await openPlain(path, "read");
    try {
      const bytes = new Uint8Array(LONGEST);
      const { bytesRead } = await file.read(bytes, 0, LONGEST, 0);
      return decode(bytes.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch {
    return "";
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function encode(owner: Owner): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(owner));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
