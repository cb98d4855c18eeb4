/** The library in another version, beside this one. @module */
import { VERSION } from "../../lib/base/version.ts";

const ROOT = new URL("../../", import.meta.url);

/** What programs of ranks import. */
const COPIED = ["lib", "mod.ts", "tests", "deno.json", "deno.lock"];

/** Calls `use` with a folder that has this repository's library and tests, as of another version. */
export async function withCopy(
  version: string,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lion-" });
  try {
    const paths = COPIED.map((name) => new URL(name, ROOT).pathname);
    const args = ["-r", ...paths, folder];
    const { success, stderr } = await new Deno.Command("cp", { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    for (const file of ["deno.json", "lib/base/version.ts"]) {
      const path = `${folder}/${file}`;
      const text = await Deno.readTextFile(path);
      const changed = text.replace(`"${VERSION}"`, `"${version}"`);
      if (changed === text) throw new Error(`${file} has no "${VERSION}"`);
      await Deno.writeTextFile(path, changed);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
