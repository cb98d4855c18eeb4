import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { pathToFileURL } from "node:url";
import {
  betweenPackages,
  filesInCircles,
  importsOf,
  misplacedImports,
  pastEntries,
  wrongBeside,
} from "../../tools/check_rooms.ts";
import { withFolder } from "../io/files.ts";

const FLOORS = ["contract", "attention", "kernels"];

Deno.test("misplacedImports() lets rooms import those before them, and themselves", () => {
  assertEquals(
    misplacedImports([
      { from: "attention/plan.ts", to: "contract/kernel.ts" },
      { from: "kernels/wasm/job.ts", to: "attention/plan.ts" },
      { from: "kernels/wasm/job.ts", to: "contract/kernel.ts" },
      { from: "kernels/wasm/job.ts", to: "kernels/wasm/record.ts" },
      { from: "kernels/wasm/record.ts", to: "kernels/wasm/job.ts" },
    ], FLOORS),
    [],
  );
});

Deno.test("misplacedImports() names both files of an import that closes a circle", () => {
  const [line, ...others] = misplacedImports([
    { from: "kernels/wasm/job.ts", to: "attention/plan.ts" },
    { from: "attention/plan.ts", to: "kernels/limits.ts" },
  ], FLOORS);
  assertStringIncludes(
    line!,
    "lib/attention/plan.ts → lib/kernels/limits.ts: attention may not import kernels",
  );
  assertEquals(others, []);
});

Deno.test("misplacedImports() reads the folders within a room, and files that lie in it", () => {
  const floors = ["frame", "", "scan"];
  const inside = (from: string, to: string) => ({
    from: `kernels/wasm/${from}`,
    to: `kernels/wasm/${to}`,
  });
  const imports = [
    inside("register.ts", "frame/rows.ts"),
    inside("scan/scan.ts", "register.ts"),
    inside("frame/rows.ts", "register.ts"),
    inside("register.ts", "scan/scan.ts"),
    { from: "attention/plan.ts", to: "kernels/wasm/scan/scan.ts" },
  ];
  const lines = misplacedImports(imports, floors, "kernels/wasm/");
  assertEquals(lines.length, 2);
  assertStringIncludes(lines[0]!, "frame may not import lib/kernels/wasm/");
  assertStringIncludes(lines[1]!, "lib/kernels/wasm/ may not import scan");
});

Deno.test("betweenPackages() lets a package import those that it may, and itself", () => {
  const packages = { base: [], tfjs: ["base"], data: ["base"] };
  const lines = betweenPackages([
    { from: "tfjs/kernel.ts", to: "base/shown.ts" },
    { from: "tfjs/kernel.ts", to: "tfjs/tape.ts" },
    { from: "layers/block.ts", to: "tfjs/kernel.ts" },
    { from: "data/batches.ts", to: "tfjs/kernel.ts" },
    { from: "tfjs/kernel.ts", to: "layers/block.ts" },
    { from: "base/shown.ts", to: "data/batches.ts" },
  ], packages);
  assertEquals(lines, [
    "lib/data/batches.ts → lib/tfjs/kernel.ts: the package lib/data may import lib/base",
    "lib/tfjs/kernel.ts → lib/layers/block.ts: the package lib/tfjs may import lib/base",
    "lib/base/shown.ts → lib/data/batches.ts: the package lib/base may import no other",
  ]);
});

Deno.test("pastEntries() lets packages beside lib read entries alone, and be read so", () => {
  const entries = new Set(["lib/data/mod.ts", "tools/recipes/figures.ts"]);
  const from = (from: string, to: string) => ({ from, to });
  const lines = pastEntries(
    [
      from("tools/recipes/main.ts", "lib/data/mod.ts"),
      from("tools/recipes/main.ts", "tools/recipes/plan.ts"),
      from("tools/recipes/main.ts", "tools/out_folder.ts"),
      from("tools/site/curves.ts", "tools/recipes/figures.ts"),
      from("tools/site/page.ts", "lib/data/stream.ts"),
      from("tests/recipes/plan_test.ts", "tools/recipes/plan.ts"),
      from("tools/recipes/main.ts", "lib/data/stream.ts"),
      from("tools/site/curves.ts", "tools/recipes/plan.ts"),
    ],
    entries,
    ["tools/recipes"],
  );
  assertEquals(lines.length, 2);
  assertStringIncludes(lines[0]!, "tools/recipes/main.ts → lib/data/stream.ts");
  assertStringIncludes(lines[1]!, "tools/site/curves.ts → tools/recipes/plan.");
});

Deno.test("misplacedImports() refuses a room that has no floor", () => {
  const [line] = misplacedImports([
    { from: "attention/plan.ts", to: "utils/clip.ts" },
  ], FLOORS);
  assertStringIncludes(line!, "utils is not among the floors");
});

Deno.test("filesInCircles() finds those that import each other, over others too", () => {
  const tree = [
    { from: "a.ts", to: "b.ts" },
    { from: "a.ts", to: "c.ts" },
    { from: "b.ts", to: "c.ts" },
  ];
  assertEquals(filesInCircles(tree), []);
  const more = [...tree, { from: "c.ts", to: "d.ts" }];
  const circle = [...more, { from: "d.ts", to: "b.ts" }];
  assertEquals(filesInCircles(more), []);
  assertEquals(filesInCircles(circle), ["b.ts", "c.ts", "d.ts"]);
});

Deno.test("wrongBeside() lets benches import tools, and not the reverse", () => {
  const tests = [
    { from: "tools/tune/trials.ts", to: "tests/random.ts" },
    { from: "tests/bench/report_test.ts", to: "bench/report/figures.ts" },
  ];
  assertEquals(
    wrongBeside([
      { from: "bench/main.ts", to: "tools/command_line.ts" },
      { from: "tools/tune/main.ts", to: "bench/measure/timing.ts" },
      { from: "bench/main.ts", to: "lib/backend/use_backend.ts" },
      ...tests,
    ]),
    [],
  );
  const [line, ...others] = wrongBeside([
    { from: "tools/tune/main.ts", to: "bench/group.ts" },
    ...tests,
  ]);
  assertStringIncludes(
    line!,
    "tools/tune/main.ts → bench/group.ts: tools may not import bench",
  );
  assertEquals(others, []);
});

Deno.test("wrongBeside() lets the site's tools import recipes, and not the reverse", () => {
  const [line, ...others] = wrongBeside([
    { from: "tools/site/curves.ts", to: "tools/recipes/figures.ts" },
    { from: "tools/gate.ts", to: "tools/notebooks/notebook.ts" },
    { from: "tools/notebooks/run.ts", to: "tools/out_folder.ts" },
    { from: "tools/recipes/main.ts", to: "tools/site/page.ts" },
  ]);
  assertStringIncludes(
    line!,
    "tools/recipes/main.ts → tools/site/page.ts: recipes may not import site",
  );
  assertEquals(others, []);
});

Deno.test("wrongBeside() refuses a circle, over tests too", () => {
  assertEquals(
    wrongBeside([
      { from: "tools/pack.ts", to: "tests/fixtures.ts" },
      { from: "tests/fixtures.ts", to: "tools/pack.ts" },
    ]),
    ["tests/fixtures.ts", "tools/pack.ts"]
      .map((file) => `${file} is in a circle of imports`),
  );
});

/** Files of a library, by their paths in `lib`, and an entry point. */
async function withLibrary(
  files: Readonly<Record<string, string>>,
  run: (folder: URL) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/mod.ts`,
      'export * from "./lib/attention/plan.ts";',
    );
    await Deno.writeTextFile(`${folder}/deno.json`, "{}");
    for (const [path, text] of Object.entries(files)) {
      const file = `${folder}/lib/${path}`;
      await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeTextFile(file, text);
    }
    await run(pathToFileURL(`${folder}/`));
  });
}

Deno.test("importsOf() finds imports of values, of types, and those at run time", () =>
  withLibrary({
    "attention/plan.ts": `
      import { one } from "../contract/one.ts";
      import type { Two } from "../contract/two.ts";
      export const plan = async (): Promise<Two> =>
        one + (await import("../kernels/three.ts")).three;`,
    "contract/one.ts": "export const one = 1;",
    "contract/two.ts": "export type Two = number;",
    "kernels/three.ts": 'export { one as three } from "../contract/one.ts";',
  }, async (folder) => {
    const found = await importsOf(folder, ["./mod.ts"]);
    assertEquals(
      new Set(found.map(({ from, to }) => `${from} ${to}`)),
      new Set([
        "attention/plan.ts contract/one.ts",
        "attention/plan.ts contract/two.ts",
        "attention/plan.ts kernels/three.ts",
        "kernels/three.ts contract/one.ts",
      ]),
    );
    assertEquals(misplacedImports(found, FLOORS).length, 1);
  }));

Deno.test("importsOf() raises where a module is missing", () =>
  withLibrary(
    { "attention/plan.ts": 'import "../contract/gone.ts";' },
    async (folder) => {
      await assertRejects(
        () => importsOf(folder, ["./mod.ts"]),
        Error,
        "contract/gone.ts",
      );
    },
  ));
