/** A model's files in the place of another's. @module */
import { messageOf } from "@lionjs/base";
import {
  type FileLock,
  files,
  lockFile,
  whileLocked,
} from "@lionjs/base/files";

/** The file without which {@linkcode fromPretrained} refuses a folder. */
export const CONFIG = "config.json";

/** Whether a file belongs to a group of which a model has some, such as weights. */
export type FileGroup = (name: string) => boolean;

/** The error if files that were moved could not be moved back. */
class NotPutBack extends Error {}

/**
 * Replaces the files of a model in a folder: by all new ones or, if something
 * fails, by none. If the process ends while they move, no config is there, so
 * that nothing can read some files of each; the next call removes the files
 * that are left.
 *
 * @param folder The folder, created if missing.
 * @param groups Which files of an earlier model go if new ones of their group come.
 * @param write Writes the new files to an empty folder.
 */
export async function replaceModel(
  folder: string,
  groups: readonly FileGroup[],
  write: (staging: string) => Promise<void>,
): Promise<void> {
  const { mkdir, readdir, rm } = files();
  await mkdir(folder, { recursive: true });
  // Two processes must not move at the same time: each would move files of the other.
  const alone = <T>(run: () => Promise<T>) =>
    whileLocked(`${folder}/.saving-lock`, run);
  const { staging, lock } = await alone(() => newStaging(folder));
  const [fresh, replaced] = [`${staging}/new`, `${staging}/old`];
  const replace = async () => {
    const names = await readdir(fresh);
    const isReplaced = (name: string) =>
      names.includes(name) ||
      groups.some((isOf) => isOf(name) && names.some(isOf));
    const old = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) =>
        entry.isDirectory()
          ? names.includes(entry.name)
          : isReplaced(entry.name)
      )
      .map(({ name }) => name);
    await moveAll(replaced, [
      ...configLast(old).reverse().map((name) =>
        [`${folder}/${name}`, `${replaced}/${name}`] as const
      ),
      ...configLast(names).map((name) =>
        [`${fresh}/${name}`, `${folder}/${name}`] as const
      ),
    ]);
  };
  let hasOld = false;
  try {
    await mkdir(fresh);
    await mkdir(replaced);
    await write(fresh);
    await alone(async () => {
      await replace();
      await lock.release();
      await removeAbandoned(folder);
    });
  } catch (error) {
    hasOld = error instanceof NotPutBack;
    throw error;
  } finally {
    await lock.release();
    if (!hasOld) await rm(staging, { recursive: true, force: true });
  }
}

/**
 * The path of the lock in a folder of new files, held by the process that
 * writes them.
 */
const lockOf = (staging: string) => `${staging}/lock`;

/** Makes a folder for new files; no other process does at the same time. */
async function newStaging(
  folder: string,
): Promise<{ staging: string; lock: FileLock }> {
  const staging = await files().mkdtemp(`${folder}/.saving-`);
  return { staging, lock: await lockFile(lockOf(staging)) };
}

/** Removes folders of new files that no process has any longer. */
async function removeAbandoned(folder: string): Promise<void> {
  const { readdir, rm } = files();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || !entry.name.startsWith(".saving-")) continue;
    const path = `${folder}/${entry.name}`;
    try {
      await (await lockFile(lockOf(path))).release();
      await rm(path, { recursive: true, force: true });
    } catch {
      // Another process holds the lock, or another user owns the folder: it stays.
    }
  }
}

function configLast(names: readonly string[]): string[] {
  return [
    ...names.filter((name) => name !== CONFIG),
    ...names.filter((name) => name === CONFIG),
  ];
}

/**
 * Moves files in their order; if one cannot be moved, those before it go back.
 *
 * @param replaced Where those are that cannot be put back.
 */
async function moveAll(
  replaced: string,
  moves: readonly (readonly [from: string, to: string])[],
): Promise<void> {
  const { rename } = files();
  const moved: typeof moves[number][] = [];
  try {
    for (const [from, to] of moves) {
      await rename(from, to);
      moved.push([from, to]);
    }
  } catch (cause) {
    const [from, to] = moves[moved.length]!;
    const failed = `${from} cannot be moved to ${to}: ${messageOf(cause)}`;
    try {
      // In reverse, up to one that fails: the config, moved first, comes back last.
      for (const [from, to] of moved.reverse()) await rename(to, from);
    } catch {
      throw new NotPutBack(
        `${failed}; nor can what was moved go back: until the next model is saved, the earlier files are in ${replaced}`,
        { cause },
      );
    }
    throw new Error(failed, { cause });
  }
}
