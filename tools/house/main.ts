/** Measures of the code, each beside its bound, as `deno task house` prints them. @module */
import config from "../../deno.json" with { type: "json" };
import {
  betweenPackages,
  filesInCircles,
  importsOf,
  misplacedImports,
} from "../check_rooms.ts";
import { readCommandLine } from "../command_line.ts";
import { exportsOfEntries, namesOf } from "./exports.ts";
import { fragmentsIn } from "./fragments.ts";
import { pageBytes } from "./page.ts";
import { WALKS } from "./walks.ts";

const ROOT = new URL("../../", import.meta.url);

const USAGE = `Usage: deno task house [options]

Prints what keeps the library readable, each measure beside its bound.

  --help   print this`;

/** A number, and the most that it should be. */
interface Measure {
  readonly name: string;
  readonly most: number;
  readonly value: number;
}

/** The files in git below these folders. */
async function filesIn(...folders: string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "--", ...folders],
    cwd: ROOT,
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((file) => file);
}

/** The lines of files. */
async function linesOf(files: readonly string[]): Promise<number> {
  const texts = await Promise.all(
    files.map((file) => Deno.readTextFile(new URL(file, ROOT))),
  );
  return texts.reduce((sum, text) => sum + text.split("\n").length - 1, 0);
}

/** The WebGPU kernels of transitions, which are one engine. */
const ENGINE = /\/transition/;

const TESTS = [
  "attention",
  "kernels",
  "operations",
  "family",
  "fuzz",
  "subjects",
];

async function measures(): Promise<Measure[]> {
  const imports = await importsOf(ROOT, Object.values(config.exports));
  const shaders = (await filesIn("lib/kernels/webgpu"))
    .filter((file) => !ENGINE.test(file));
  const tests = (await filesIn(...TESTS.map((room) => `tests/${room}`)))
    .filter((file) => file.endsWith(".ts"));
  const attend = "lib/kernels/webgpu/chunkwise/attend.wgsl.ts";
  return [
    {
      name: "files from lionAttention to the loop, WebGPU",
      most: 20,
      value: WALKS.webgpu.length,
    },
    {
      name: "files from lionAttention to the loop, WebAssembly",
      most: 20,
      value: WALKS.wasm.length,
    },
    {
      name: "lines of the shader of attention between chunks",
      most: 250,
      value: await linesOf([attend]),
    },
    {
      name: "lines of lib/kernels/webgpu without the delta rule's engine",
      most: 6000,
      value: await linesOf(shaders),
    },
    {
      name: "committed shader texts",
      most: 0,
      value: (await filesIn("*.wgsl")).length,
    },
    {
      name: `lines of tests/{${TESTS}}`,
      most: 16000,
      value: await linesOf(tests),
    },
    {
      name: "imports the wrong way between rooms and packages",
      most: 0,
      value: misplacedImports(imports).length + betweenPackages(imports).length,
    },
    {
      name: "files in circles of imports",
      most: 0,
      value: filesInCircles(imports).length,
    },
    {
      name: "exported names",
      most: 340,
      value: namesOf(await exportsOfEntries()).size,
    },
    {
      name: "one-line comments that cannot be read alone",
      most: 60,
      value: (await fragmentsIn(new URL("lib", ROOT).pathname)).length,
    },
    {
      name: "kB of a page that imports one attention, on WebAssembly",
      most: 350,
      value: Math.round(await pageBytes() / 1000),
    },
  ];
}

if (import.meta.main) {
  await readCommandLine(USAGE, {}, (values) => values);
  for (const { name, most, value } of await measures()) {
    const mark = value <= most ? "  " : "! ";
    console.log(`${mark}${name}: ${value} (at most ${most})`);
  }
  console.log(`
Measured by other tasks:
  speed, per figure      deno task bench --compare REVISION
  the same bits          deno task test (each kernel beside float64 and its plain form)
  the time of the tests  deno task test
  packages on their own  deno task test:platforms`);
}
