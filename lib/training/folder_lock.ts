/** A lock that admits one training at a time to a folder. @module */
import { FileInUse, type FileLock, files, lockFile } from "@lionjs/base/files";

/** The lock of a folder that no other training may use. */
export interface FolderLock {
  /**
   * Takes the lock again if its file or the folder has been removed, since the
   * lock then no longer keeps others out.
   *
   * @returns Whether it had been removed.
   * @throws {RangeError} If another training has taken the lock since.
   */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

const NAME = "training.lock";

/**
 * Makes a folder, if there is none, and locks it until it is released, or until
 * the process ends.
 *
 * @throws {RangeError} If another training holds the lock.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  let lock = await take(folder);
  return {
    async renew() {
      if (await lock.isHeld()) return false;
      await lock.release();
      lock = await take(
        folder,
        "; this training's own lock was removed meanwhile. The model keeps its weights: save them",
      );
      return true;
    },
    release: () => lock.release(),
  };
}

async function take(folder: string, since = ""): Promise<FileLock> {
  await files().mkdir(folder, { recursive: true });
  try {
    return await lockFile(`${folder}/${NAME}`);
  } catch (error) {
    if (!(error instanceof FileInUse)) throw error;
    throw new RangeError(
      `checkpoints.folder should be one that nothing else trains into, got ${folder}, into which ${error.owner} does; wait until it has ended, or use another folder${since}`,
      { cause: error },
    );
  }
}
