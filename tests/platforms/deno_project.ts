/**
 * The library in another project of Deno's, whose folder lies beside it.
 *
 * @module
 */
import {
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { dirname } from "node:path";
import { withFolder } from "../io/files.ts";
import { blocks } from "./docs.ts";
import { ROOT, run, succeed, writeFiles } from "./shell.ts";
import { serve } from "./site.ts";

const ENTRY_POINTS = [
  "",
  ...[
    "/data",
    "/hub",
    "/io",
    "/layers",
    "/notebook",
    "/operations",
    "/training",
  ],
];

const DOCUMENTED_CONFIG = JSON.parse(
  blocks("## In your own project", "json")[0]!,
);

/** How a project can name the library. */
const CONFIGS: Record<string, Record<string, unknown>> = {
  links: DOCUMENTED_CONFIG,
  "links and other compiler options": {
    ...DOCUMENTED_CONFIG,
    compilerOptions: {
      lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable", "deno.ns"],
      strict: false,
      noImplicitAny: false,
    },
  },
  "an import map": {
    imports: {
      ...DOCUMENTED_CONFIG.imports,
      "@lionjs/lion": "../lion/mod.ts",
      ...Object.fromEntries(
        ENTRY_POINTS.slice(1).map((name) => [
          `@lionjs/lion${name}`,
          `../lion/lib${name}/mod.ts`,
        ]),
      ),
    },
  },
};

const MAIN = `${
  ENTRY_POINTS.map((name, i) =>
    `import * as part${i} from "@lionjs/lion${name}";`
  ).join("\n")
}
import { train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";

const { name } = await part0.useBackend({ prefer: ["cpu"] });
const x = tf.ones<tf.Rank.R4>([1, 1, 2, 2]);
const y: tf.Tensor4D = part0.lionAttention(x, x, x, { form: "recurrent" });
// @ts-expect-error A number is no tensor.
const wrong = () => part0.lionAttention(1, x, x);
console.log(name, y.shape, typeof train, typeof wrong);
`;

/** What it prints. */
const PRINTED = "cpu [ 1, 1, 2, 2 ] function function\n";

const TEST =
  `import { fixedDecay, lionAttention, useBackend } from "@lionjs/lion";
import * as tf from "@tensorflow/tfjs-core";

Deno.test("attention", async () => {
  await useBackend({ prefer: ["cpu"] });
  const x = tf.ones<tf.Rank.R4>([1, 1, 3, 2]);
  const y = lionAttention(x, x, x, { decay: fixedDecay(tf.tensor1d([-1])) });
  const [first] = await y.data();
  if (Math.abs(first! - 1) > 1e-5) throw new Error(\`got \${first}\`);
});
`;

/** Runs in an empty folder, the library beside it under the name `lion`. */
async function inProject(
  config: unknown,
  test: (project: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.symlink(ROOT, `${folder}/lion`);
    const project = `${folder}/project`;
    await Deno.mkdir(project);
    await writeFiles(project, { "deno.json": JSON.stringify(config) });
    await test(project);
  });
}

for (const [name, config] of Object.entries(CONFIGS)) {
  Deno.test(`another project has the library by ${name}`, async (t) => {
    await inProject(config, async (project) => {
      await writeFiles(project, { "main.ts": MAIN, "main_test.ts": TEST });
      await t.step("deno check", async () => {
        await succeed(Deno.execPath(), ["check", "."], project);
      });
      await t.step("deno run, without a warning", async () => {
        const args = ["run", "--no-prompt", "main.ts"];
        const { output } = await run(Deno.execPath(), args, project);
        assertEquals(output, PRINTED);
      });
      await t.step("deno test", async () => {
        const output = await succeed(
          Deno.execPath(),
          ["test", "--no-prompt"],
          project,
        );
        assertStringIncludes(output, "1 passed");
      });
      await t.step("deno bundle, for a page", async () => {
        const entries = ENTRY_POINTS.filter((name) => name !== "/notebook");
        const code = entries.map((name) =>
          `export * from "@lionjs/lion${name}";`
        );
        await writeFiles(project, { "page.ts": code.join("\n") });
        const args = ["bundle", "--platform", "browser", "page.ts"];
        const output = await succeed(Deno.execPath(), args, project);
        // A page that imports one does not load at all.
        assertEquals(output.match(/^import .*"node:.*$/gm), null);
        assertStringIncludes(output, "lionAttention");
      });
      await t.step("deno compile", async () => {
        const args = ["compile", "-R", "--output", "main", "main.ts"];
        const { success, output } = await run(Deno.execPath(), args, project);
        if (!success && /error sending request.*dl\.deno\.land/.test(output)) {
          // Types and imports were in order: this is the last step.
          assertStringIncludes(output, "Compile main.ts");
          console.log("SKIPPED to run it: no dl.deno.land, to be a part of it");
          return;
        }
        assertEquals(success, true, output);
        assertEquals(await succeed("./main", [], project), PRINTED);
      });
    });
  });
}

/** A heading as the name of a file. */
const nameOf = (heading: string) =>
  heading.replace(/^#+ /, "").toLowerCase().replaceAll(/\W+/g, "_");

Deno.test("the documented programs run in an empty folder", async (t) => {
  const [command] = blocks("## In your own project", "sh");
  const programs = Object.fromEntries([
    "## In one call",
    "## Models",
    "## Your own mixer",
    "## Training and resuming",
    "## Which form",
    "## Your own decay",
    "### My model in my page",
  ].flatMap((heading) =>
    blocks(heading, "ts").map((code, i) => [`${nameOf(heading)}_${i}.ts`, code])
  ));
  const main = programs["in_one_call_0.ts"]!;
  const pages = Object.keys(programs)
    .filter((name) => name.startsWith("my_model_in_my_page"));
  assertEquals(pages.length, 2);
  await inProject(DOCUMENTED_CONFIG, async (project) => {
    await writeFiles(project, { ...programs, "main.ts": main });
    await succeed(Deno.execPath(), ["check", "."], project);
    await t.step("the first, by the documented command", async () => {
      const PATH = `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`;
      const args = ["-e", "-c", command!];
      const output = await succeed("sh", args, project, { PATH });
      const [backend, difference] = output.trim().split("\n");
      assertMatch(backend!, /^(webgpu|wasm|cpu)$/);
      assertLess(Number(difference), 1e-5);
    });
    for (const name of Object.keys(programs)) {
      if (programs[name] === main || pages.includes(name)) continue;
      await t.step(name, async () => {
        await succeed(Deno.execPath(), ["run", "-A", name], project);
      });
    }
    await t.step(
      "a model in a page computes what its program has",
      async () => {
        const [program, page] = pages;
        const run = ["run", "-A"];
        await Deno.mkdir(`${project}/public`);
        const saved = await succeed(
          Deno.execPath(),
          [...run, program!],
          project,
        );
        await using server = serve(`${project}/public`);
        // A page's own address, by which it finds the files.
        const location = `http://localhost:${server.addr.port}/plain/`;
        const args = [...run, "--location", location, page!];
        const shown = await succeed(Deno.execPath(), args, project);
        const [there, here] = [saved, shown].map((text) =>
          JSON.parse(text) as number[][]
        );
        assertEquals(here![0]!.length, 2);
        here![0]!.forEach((p, i) =>
          assertLess(Math.abs(p - there![0]![i]!), 1e-6)
        );
      },
    );
  });
});
