/** A model's files in the place of another's. @module */
import { files } from "../../io/file_system.ts";

/** Without it, {@linkcode fromPretrained} refuses a folder. */
export const CONFIG = "config.json";

/** Files of which a model has some, such as its weights. */
export type FileGroup = (name: string) => boolean;

/**
 * Replaces the files of a model in a folder: by all new ones or, if something
 * fails, by none. If the process ends while they move, no config is there, so
 * that nothing can read some files of each.
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
  const { mkdir, mkdtemp, readdir, rm } = files();
  await mkdir(folder, { recursive: true });
  const staging = await mkdtemp(`${folder}/.saving-`);
  const [fresh, replaced] = [`${staging}/new`, `${staging}/old`];
  try {
    await mkdir(fresh);
    await mkdir(replaced);
    await write(fresh);
    const names = await readdir(fresh);
    const isReplaced = (name: string) =>
      names.includes(name) ||
      groups.some((isOf) => isOf(name) && names.some(isOf));
    const old = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => !entry.isDirectory() && isReplaced(entry.name))
      .map(({ name }) => name);
    await moveAll([
      ...configLast(old).reverse().map((name) =>
        [`${folder}/${name}`, `${replaced}/${name}`] as const
      ),
      ...configLast(names).map((name) =>
        [`${fresh}/${name}`, `${folder}/${name}`] as const
      ),
    ]);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function configLast(names: readonly string[]): string[] {
  return [
    ...names.filter((name) => name !== CONFIG),
    ...names.filter((name) => name === CONFIG),
  ];
}

/** Moves files in their order; if one cannot be moved, those before it go back. */
async function moveAll(
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
    for (const [from, to] of moved.reverse()) await rename(to, from);
    const [, to] = moves[moved.length]!;
    throw new Error(`${to} cannot be written: ${cause}`, { cause });
  }
}
