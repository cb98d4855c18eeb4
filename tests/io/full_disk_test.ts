/**
 * A full disk is an error that names the file; what was there before is whole, and the
 * same call succeeds once there is room.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { onCpu, withFolder } from "./files.ts";
import { WRITERS } from "./full_disk.ts";

/** All that files of a folder have in them, by their paths. */
async function contentOf(
  folder: string,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) Object.assign(found, await contentOf(path));
    else found[path] = (await Deno.readFile(path)).toHex();
  }
  return found;
}

if (Deno.build.os !== "windows") {
  onCpu(
    "a full disk is named by all that writes",
    () =>
      withFolder(async (folder) => {
        for (const [name, write] of Object.entries(WRITERS)) {
          await Deno.mkdir(`${folder}/${name}`);
          await write(`${folder}/${name}`, false);
        }
        const before = await contentOf(folder);
        // More is an error instead of the process's end.
        const limited = `trap '' XFSZ; ulimit -f 128; exec "$@"`;
        const program = fileURLToPath(new URL("full_disk.ts", import.meta.url));
        const run = ["run", "-A", "--no-check", program, folder];
        const { stdout } = await new Deno.Command("sh", {
          args: ["-c", limited, "sh", Deno.execPath(), ...run],
        }).output();
        const said: Record<string, string> = JSON.parse(
          new TextDecoder().decode(stdout),
        );
        assertEquals(Object.keys(said), Object.keys(WRITERS));
        for (const [name, message] of Object.entries(said)) {
          assert(message.includes(`${folder}/${name}/`), `${name}: ${message}`);
          assert(/file too large/i.test(message), `${name}: ${message}`);
        }
        const after = await contentOf(folder);
        for (const [path, content] of Object.entries(before)) {
          // A log grows.
          assert(after[path]?.startsWith(content), `${path} has changed`);
        }
        const others = Object.keys(after).filter((path) => !(path in before));
        // The hub's parts are for the next call, which goes on with them.
        assertEquals(
          others.filter((path) => !path.includes("/hubFile/")),
          [],
        );
        for (const [name, write] of Object.entries(WRITERS)) {
          await write(`${folder}/${name}`, true);
        }
        const log = await Deno.readTextFile(`${folder}/log/log.jsonl`);
        const steps = log.trimEnd().split("\n")
          .map((line) => JSON.parse(line).step);
        assertEquals(steps, [1, 2]);
      }),
  );
}
