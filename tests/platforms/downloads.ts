/**
 * What the first program downloads, where nothing has been downloaded before: as
 * much as README says, in a clone and in another project.
 *
 * @module
 */
import { assertAlmostEquals, assertLess, assertMatch } from "@std/assert";
import { withFolder } from "../io/files.ts";
import { blocks } from "./docs.ts";
import { ROOT, skipBecause, succeed, whyNoNpm, writeFiles } from "./shell.ts";

const OFFLINE = skipBecause("downloads", await whyNoNpm());

/** The most that a first run may download, in MB. */
const MOST = 200;

const readme = await Deno.readTextFile(`${ROOT}README.md`);
const [, first] = /^```ts\n([^]*?)^```$/m.exec(readme)!;
const said = Number(/downloads\s+(\d+)\s+MB,/.exec(readme)![1]);

/** The bytes of a folder, in MB. */
async function megabytes(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory
      ? 1e6 * await megabytes(path)
      : (await Deno.lstat(path)).size;
  }
  return bytes / 1e6;
}

/** Runs README's program in a folder, with nothing downloaded; returns the MB then. */
async function downloaded(folder: string, args: string[]): Promise<number> {
  await writeFiles(folder, { "first.ts": first! });
  const printed = await succeed(
    Deno.execPath(),
    ["run", "-A", ...args, "first.ts"],
    folder,
    { DENO_DIR: `${folder}/downloads` },
  );
  assertMatch(printed, /\[ 1, 4, 1000, 16 \]/);
  const size = await megabytes(`${folder}/downloads`);
  assertLess(size, MOST);
  return size;
}

Deno.test({
  name: "README's program in a clone downloads what README says",
  ignore: OFFLINE,
  fn: () =>
    withFolder(async (folder) => {
      const args = ["--config", `${ROOT}deno.json`];
      const size = await downloaded(folder, args);
      assertAlmostEquals(size, said, 10);
    }),
});

Deno.test({
  name: "README's program in another project downloads what README says",
  ignore: OFFLINE,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.symlink(ROOT, `${folder}/lion`);
      const own = `${folder}/project`;
      await Deno.mkdir(own);
      const config = blocks("## In your own project", "json")[0]!;
      await writeFiles(own, { "deno.json": config });
      const size = await downloaded(own, []);
      assertAlmostEquals(size, said, 10);
    }),
});
