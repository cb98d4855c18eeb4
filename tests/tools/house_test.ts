/** What `tools/house` says of the library is so. @module */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { importsOf } from "../../tools/check_rooms.ts";
import { currentMap, DOCUMENT, MAP, mapOf } from "../../tools/house/map.ts";
import { WALKS } from "../../tools/house/walks.ts";

Deno.test("mapOf() leaves out an arrow that others replace", () => {
  const imports = [
    { from: "layers/block.ts", to: "attention/plan.ts" },
    { from: "layers/block.ts", to: "base/shown.ts" },
    { from: "attention/plan.ts", to: "attention/costs.ts" },
    { from: "attention/plan.ts", to: "base/shown.ts" },
  ];
  assertEquals(
    mapOf(imports).split("\n").filter((line) => line.includes("-->")),
    ["  attention --> base", "  layers --> attention"],
  );
});

Deno.test("docs/architecture.md has the map of the code as it is", async () => {
  const [map] = (await Deno.readTextFile(DOCUMENT)).match(MAP)!;
  assertEquals(map, await currentMap());
});

Deno.test("each file of a walk is one that a call of lionAttention loads", async () => {
  const root = new URL("../../", import.meta.url);
  const imports = await importsOf(root, ["mod.ts"]);
  const loaded = new Set(imports.map(({ to }) => `lib/${to}`));
  for (const [backend, walk] of Object.entries(WALKS)) {
    for (const file of walk) {
      if (/assembly|^tools/.test(file)) await Deno.stat(new URL(file, root));
      else assert(loaded.has(file), `${backend}: ${file}`);
    }
  }
});

Deno.test("no file names a registry's host or a folder of a machine", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  // Spelt so that this file does not name them either.
  const named = [
    "registry[.]npm",
    "registry[.]yarn",
    "files[.]pythonhosted",
    "(^|[^.[:alnum:]_}])/(work|root|check)/[a-z]",
  ];
  const { code, stdout } = await new Deno.Command("git", {
    args: ["grep", "-nIE", named.join("|"), "--", "."],
    cwd: root,
  }).output();
  // git grep ends with 1 where nothing is found.
  assertEquals([code, new TextDecoder().decode(stdout)], [1, ""]);
});
