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
import type { Browser } from "playwright-core";
import type { ClassShare } from "../../mod.ts";
import { withFolder } from "../io/files.ts";
import { OTHER_OPTIONS } from "../../tools/check_elsewhere.ts";
import { PACKAGES as ROOMS } from "../../tools/check_rooms.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "./chromium.ts";
import { blocks } from "./docs.ts";
import { ROOT, run, skipBecause, succeed, writeFiles } from "./shell.ts";
import { serve, WASM, WASM_FILE } from "./site.ts";

const NO_BROWSER = skipBecause(
  "Chromium",
  CHROMIUM ? undefined : "it is not installed; see `deno task setup`",
);

const { default: { exports } } = await import("../../deno.json", {
  with: { type: "json" },
});

/** What is imported besides the whole, such as `/data`; the first one is the whole. */
const ENTRY_POINTS = Object.keys(exports).map((name) => name.slice(1));

/** The entries of each other package of the repository, by the folder that it lies in. */
const PACKAGES: Readonly<Record<string, Readonly<Record<string, string>>>> =
  Object.fromEntries(
    await Promise.all(
      Object.keys(ROOMS).map(async (name) => {
        const file = new URL(`../../lib/${name}/deno.json`, import.meta.url);
        return [name, JSON.parse(await Deno.readTextFile(file)).exports];
      }),
    ),
  );

const DOCUMENTED_CONFIG = JSON.parse(
  blocks("## In your own project", "json")[0]!,
);

/** How a project can name the library. */
const CONFIGS: Record<string, Record<string, unknown>> = {
  links: DOCUMENTED_CONFIG,
  "links and other compiler options": {
    ...DOCUMENTED_CONFIG,
    compilerOptions: OTHER_OPTIONS,
  },
  "an import map": {
    imports: {
      ...DOCUMENTED_CONFIG.imports,
      ...Object.fromEntries(
        Object.entries(exports).map(([name, file]) => [
          `@lionjs/lion${name.slice(1)}`,
          `../lion/${file.slice(2)}`,
        ]),
      ),
      ...Object.fromEntries(
        Object.entries(PACKAGES).flatMap(([folder, entries]) =>
          Object.entries(entries).map(([name, file]) => [
            `@lionjs/${folder}${name.slice(1)}`,
            `../lion/lib/${folder}/${file.slice(2)}`,
          ])
        ),
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

Deno.test("another project has each package alone", async (t) => {
  for (const [name, entries] of Object.entries(PACKAGES)) {
    await t.step(name, async () => {
      const config = {
        links: DOCUMENTED_CONFIG.links,
        imports: { [`@lionjs/${name}`]: `jsr:@lionjs/${name}@^0.2.0` },
      };
      await inProject(config, async (project) => {
        const lines = Object.keys(entries).map((entry, i) =>
          `import * as entry${i} from "@lionjs/${name}${entry.slice(1)}";
if (Object.keys(entry${i}).length === 0) throw new Error("${entry} is empty");`
        );
        await writeFiles(project, { "main.ts": lines.join("\n") });
        await succeed(Deno.execPath(), ["check", "main.ts"], project);
        await succeed(
          Deno.execPath(),
          ["run", "--no-prompt", "main.ts"],
          project,
        );
      });
    });
  }
});

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
  ].flatMap((heading) =>
    blocks(heading, "ts").map((code, i) => [`${nameOf(heading)}_${i}.ts`, code])
  ));
  const main = programs["in_one_call_0.ts"]!;
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
      if (programs[name] === main) continue;
      await t.step(name, async () => {
        await succeed(Deno.execPath(), ["run", "-A", name], project);
      });
    }
  });
});

/** What the programs print that load what the first has saved. */
function assertLoaded(saved: ClassShare[], printed: string[]): void {
  assertEquals(saved.map(({ label }) => label).sort(), ["bad", "good"]);
  for (const text of printed) {
    const found: ClassShare[] = JSON.parse(text);
    assertEquals(found.length, saved.length);
    for (const [i, { label, probability }] of found.entries()) {
      assertEquals(label, saved[i]!.label);
      assertLess(Math.abs(probability - saved[i]!.probability), 1e-6);
    }
  }
}

Deno.test({
  name: "a trained model in a page computes what its program has",
  ...KEEPS_BROWSER,
  fn: (t) =>
    inProject(DOCUMENTED_CONFIG, async (project) => {
      const folder = `${project}/public`;
      await Deno.mkdir(folder);
      const programs = blocks("### A trained model in your page", "ts ignore");
      assertEquals(programs.length, 3);
      const names = programs.map((_, i) => `program_${i}.ts`);
      await writeFiles(
        project,
        Object.fromEntries(names.map((name, i) => [name, programs[i]!])),
      );
      const deno = (...args: string[]) =>
        succeed(Deno.execPath(), args, project);
      await deno("check", ".");
      const [program, ...pages] = names;
      const saved: ClassShare[] = JSON.parse(await deno("run", "-A", program!));
      await using server = serve(folder);
      const address = `http://localhost:${server.addr.port}/plain/`;
      await t.step("in Deno, at the page's address", async () => {
        const printed: string[] = [];
        for (const page of pages) {
          printed.push(await deno("run", "-A", "--location", address, page));
        }
        assertLoaded(saved, printed);
      });
      await t.step({
        name: "in Chromium",
        ignore: NO_BROWSER,
        ...KEEPS_BROWSER,
        fn: async () => {
          await Deno.copyFile(WASM, `${folder}/${WASM_FILE}`);
          const browser = await launch();
          try {
            const printed: string[] = [];
            for (const page of pages) {
              const output = ["--output", "public/page.js"];
              await deno("bundle", "--platform", "browser", ...output, page);
              printed.push(await printedBy(browser, folder, address));
            }
            assertLoaded(saved, printed);
          } finally {
            await browser.close();
          }
        },
      });
    }),
});

/** What a page of a bundle, `page.js` in the folder, prints first. */
async function printedBy(
  browser: Browser,
  folder: string,
  address: string,
): Promise<string> {
  await writeFiles(folder, {
    "index.html": `<!DOCTYPE html><link rel="icon" href="data:,">
      <script type="module" src="page.js"></script>`,
  });
  const page = await browser.newPage();
  try {
    // The browser itself warns where there is no GPU.
    const message = page.waitForEvent(
      "console",
      (message) => message.type() === "log",
    );
    await page.goto(address);
    return (await message).text();
  } finally {
    await page.close();
  }
}
