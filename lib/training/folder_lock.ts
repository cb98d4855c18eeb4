/**
 * A lock that lets one process at a time train into a folder. It is a file, and
 * is released when its process ends in any way: in Deno it is a lock of the
 * operating system; Node has none, and checks whether the process named in the
 * file still exists.
 *
 * @module
 */
import { files, isMissing } from "../io/file_system.ts";

/** A folder that no other process trains into. */
export interface FolderLock {
  /** Releases the lock. */
  release(): Promise<void>;
}

const NAME = "training.lock";

/** The process named in a lock file. */
interface Owner {
  readonly runtime: "deno" | "node";
  readonly pid: number;
  /**
   * Its start time as the system counts it, which tells it from a later process
   * with the same id.
   */
  readonly began?: string | undefined;
}

/**
 * Locks a folder until it is released, or until the process ends.
 *
 * @throws {RangeError} If another training holds the lock.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  return "Deno" in globalThis && "tryLock" in Deno.FsFile.prototype
    ? await lockBySystem(folder)
    : await lockByName(folder);
}

async function lockBySystem(folder: string): Promise<FolderLock> {
  const path = `${folder}/${NAME}`;
  for (;;) {
    const file = await Deno.open(path, {
      read: true,
      write: true,
      create: true,
    });
    try {
      const free = await file.tryLock(true).catch((error) => {
        console.warn(
          `${path} cannot be locked, so that nothing tells whether another process trains into its folder: ${error.message}`,
        );
        return true;
      });
      // The owner is about to write its id.
      if (!free) await new Promise((resolve) => setTimeout(resolve, 100));
      const owner = ownerIn(await textOf(path));
      if (!free || (owner?.runtime === "node" && await isAlive(owner))) {
        throw inUse(folder, owner);
      }
      if (await isAt(file, path)) {
        const { pid } = Deno;
        await file.truncate();
        await file.write(encode({ runtime: "deno", pid }));
        return {
          async release() {
            await files().rm(path, { force: true });
            file.close();
          },
        };
      }
    } catch (error) {
      file.close();
      throw error;
    }
    // The previous owner has removed the file meanwhile.
    file.close();
  }
}

/** Whether an open file is still the one at its path. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  const [own, there] = await Promise.all([
    file.stat(),
    Deno.stat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }),
  ]);
  return own.dev === there?.dev && own.ino === there.ino;
}

async function lockByName(folder: string): Promise<FolderLock> {
  const { writeFile, link, rename, rm } = files();
  const path = `${folder}/${NAME}`;
  const { pid } = globalThis.process;
  const own = encode({ runtime: "node", pid, began: await beginOf(pid) });
  const beside = `${path}.${crypto.randomUUID()}`;
  try {
    for (;;) {
      await rm(beside, { force: true });
      await writeFile(beside, own);
      try {
        await link(beside, path);
        return { release: () => rm(path, { force: true }) };
      } catch (error) {
        if (Object(error).code !== "EEXIST") throw error;
      }
      const text = await textOf(path);
      const owner = ownerIn(text);
      if (owner && await isAlive(owner)) throw inUse(folder, owner);
      // Another process may take it over at the same time, and then gets it
      // back.
      await rename(path, beside).catch((error) => {
        if (!isMissing(error)) throw error;
      });
      const taken = await textOf(beside);
      if (taken !== text && taken !== decode(own)) {
        await link(beside, path).catch(() => {});
      }
    }
  } finally {
    await rm(beside, { force: true });
  }
}

function inUse(folder: string, owner: Owner | undefined): RangeError {
  const own = owner?.pid === globalThis.process?.pid;
  const who = own
    ? "this process"
    : owner
    ? `process ${owner.pid}`
    : "another process";
  return new RangeError(
    `checkpoints.folder should be one that nothing else trains into, got ${folder}, into which ${who} does; wait until it has ended, or use another folder`,
  );
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

/** When a process started; `undefined` if the system is not Linux. */
async function beginOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await files().readFile(`/proc/${pid}/stat`, "utf8");
    // The process name before it, in brackets, may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function ownerIn(text: string): Owner | undefined {
  try {
    const { pid, ...owner } = JSON.parse(text);
    return Number.isSafeInteger(pid) && pid > 0 ? { ...owner, pid } : undefined;
  } catch {
    return undefined;
  }
}

/** A file's text; empty if it does not exist or cannot be read. */
async function textOf(path: string): Promise<string> {
  return await files().readFile(path, "utf8").catch(() => "");
}

function encode(owner: Owner): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(owner));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
