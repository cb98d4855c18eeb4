/**
 * Builds the WebAssembly modules as text, in the folders `built` of lib/tfjs/wasm and of
 * lib/kernels/wasm, from their AssemblyScript sources, and the list of operations that
 * describe their kernels.
 *
 * @module
 */
import type { Fields, Jobs } from "../../lib/tfjs/wasm/job.ts";
import { ACTIVATIONS, JOB_OFFSET, QUEUE } from "../../lib/tfjs/wasm/jobs.ts";
import { zlibAsync } from "@gfx/zopfli";
import { readCommandLine } from "../command_line.ts";
import { elementwiseSource } from "./elementwise/loops_source.ts";
import { loopsSource } from "./loops.ts";
import {
  GENERAL,
  lionModule,
  type ModuleSource,
  operationFolders,
  operationsWith,
} from "./modules.ts";
import { expandPairs } from "./pairs.ts";
import { reductionsSource } from "./reductions.ts";
import { rulesSource } from "./rules.ts";
import { tasksSource } from "./tasks.ts";
import { seriesSource } from "./vector_text.ts";

const LIB = new URL("../../lib/", import.meta.url);

/** Rows and columns of C that a kernel keeps in registers. */
const TILE_ROWS = [6, 5, 4, 3, 2, 1];
const TILE_COLUMNS = [8, 4];
const WIDE_COLUMNS = 16;

/**
 * Steps along the inner dimension between two tests for its end. Binaryen brings
 * the steps of each sum together, so that all rows of B are held meanwhile: two
 * steps are as many as the registers take, and a wide tile leaves room for one.
 */
const unrolled = (columns: number) => columns === WIDE_COLUMNS ? 1 : 2;

/**
 * Matrix products by register tiles: 4 × 8 sums are eight vectors, which with two
 * rows of B and two elements of A almost fill the 16 registers of x86-64.
 *
 * Loads of B and stores of C come in pairs with nothing between them, so that
 * V8 can make one of 256 bits of two (`--experimental-wasm-revectorize`), which
 * is twice as fast; Binaryen keeps the order of first uses.
 *
 * With vectors of 256 bits, 6 × 16 sums are twelve, and reach 107 GFLOP/s instead
 * of 61 in tiles of 4 × 8. With 128 bits they do not fit, and reach 30 instead of
 * 43. So there is a wide sweep beside the narrow one; see wide_simd.ts for which is
 * taken. Both add up in the same order, so that results are the same.
 */
function gemmSource(): string {
  const kernels = [false, true].flatMap((transposed) => [
    ...[WIDE_COLUMNS, ...TILE_COLUMNS].flatMap((columns) =>
      TILE_ROWS.map((rows) => tileSource(rows, columns, transposed))
    ),
    sweepSource(transposed, TILE_COLUMNS),
    sweepSource(transposed, [WIDE_COLUMNS, ...TILE_COLUMNS]),
    productSource(transposed),
  ]);
  return [
    `import { multiplyAdd } from "./simd";`,
    `import { wide } from "../runtime/wide_simd";`,
    ...kernels,
  ].join("\n");
}

function tileName(rows: number, columns: number, transposed: boolean): string {
  return `tile${rows}x${columns}${transposed ? "t" : ""}`;
}

const PRODUCT_PARAMETERS =
  "inner: i32, a: usize, aStride: usize, b: usize, bStride: usize, " +
  "c: usize, cStride: usize, weight: f32, from: usize, fromStride: usize";

/** A function that makes some register tiles of C, one below the other. */
function tileSource(
  rows: number,
  columns: number,
  transposed: boolean,
): string {
  const I = [...Array(rows).keys()], J = [...Array(columns / 4).keys()];
  const steps = unrolled(columns);
  const left = (k: number, i: number) =>
    `const a${k}_${i} = v128.load32_splat(${
      transposed ? "element" : `element${i}`
    }, ${4 * (transposed ? i : k)});`;
  const step = (k: number) => [
    left(k, 0),
    ...J.map((j) => `const b${k}_${j} = v128.load(row, ${16 * j});`),
    "row += bStride;",
    ...I.flatMap((i) => [
      i > 0 ? left(k, i) : "",
      ...J.map((j) =>
        `c${i}_${j} = multiplyAdd(a${k}_${i}, b${k}_${j}, c${i}_${j});`
      ),
    ]),
    transposed ? "element += aStride;" : "",
  ];
  const advance = (steps: number) =>
    transposed ? [] : I.map((i) => `element${i} += ${4 * steps};`);
  const storeRows = (value: (i: number, j: number) => string, also = "") =>
    I.flatMap((i) => [
      ...J.map((j) => `const y${i}_${j} = ${value(i, j)};`),
      ...J.map((j) => `v128.store(c, y${i}_${j}, ${16 * j});`),
      `c += cStride; ${also}`,
    ]);
  const old = (j: number) => `v128.load(from, ${16 * j})`;
  return [
    `function ${
      tileName(rows, columns, transposed)
    }(tiles: i32, ${PRODUCT_PARAMETERS}): void {`,
    "for (; tiles > 0; tiles--) {",
    "let row = b, k = inner;",
    ...I.flatMap((i) => J.map((j) => `let c${i}_${j} = f32x4.splat(0);`)),
    ...(transposed
      ? ["let element = a;"]
      : I.map((i) => `let element${i} = a + ${i} * aStride;`)),
    ...(steps > 1
      ? [
        `for (; k >= ${steps}; k -= ${steps}) {`,
        ...[...Array(steps).keys()].flatMap(step),
        ...advance(steps),
        "}",
      ]
      : []),
    "for (; k > 0; k--) {",
    ...step(0),
    ...advance(1),
    "}",
    "if (weight !== 0) {",
    "const w = f32x4.splat(weight);",
    ...storeRows(
      (i, j) => `multiplyAdd(${old(j)}, w, c${i}_${j})`,
      "from += fromStride;",
    ),
    "} else {",
    ...storeRows((i, j) => `c${i}_${j}`),
    "}",
    `a += ${transposed ? 4 * rows : `${rows} * aStride`};`,
    "}",
    "}",
  ].join("\n");
}

const SWEEP_PARAMETERS = `rows: i32, columns: i32, ${PRODUCT_PARAMETERS}`;

function productName(transposed: boolean): string {
  return transposed ? "multiplyTransposed" : "multiply";
}

/** A whole product, in wide or narrow tiles, whichever are faster on this engine. */
function productSource(transposed: boolean): string {
  const name = productName(transposed);
  const given = SWEEP_PARAMETERS.replaceAll(/: \w+/g, "");
  return [
    `/** C = weight · from + ${
      transposed ? "Aᵀ" : "A"
    } B; columns % 4 == 0, strides in bytes. */`,
    `export function ${name}(${SWEEP_PARAMETERS}): void {`,
    `if (wide) ${name}Wide(${given}); else ${name}Narrow(${given});`,
    "}",
  ].join("\n");
}

/** A whole product in tiles of some widths, column block by column block. */
function sweepSource(
  transposed: boolean,
  widths: readonly number[],
): string {
  const isWide = widths.includes(WIDE_COLUMNS);
  const tiles = (rows: number, width: number, count: string) => [
    `${tileName(rows, width, transposed)}(${count}, inner, ai, aStride, b, ` +
    "bStride, ci, cStride, weight, fi, fromStride);",
    `ai += ${count} * ${transposed ? 4 * rows : `${rows} * aStride`};`,
    `ci += ${count} * ${rows} * cStride;`,
    `fi += ${count} * ${rows} * fromStride;`,
  ];
  return [
    `export function ${productName(transposed)}${
      isWide ? "Wide" : "Narrow"
    }(${SWEEP_PARAMETERS}): void {`,
    "let n = columns;",
    ...(isWide
      ? [
        // Seven and eight rows are better shared out than left as one and two.
        "const short = rows > 6 && (rows % 6 === 1 || rows % 6 === 2);",
        "const sixes = rows / 6 - <i32> short;",
      ]
      : ["const sixes = 0;"]),
    "const rest = rows - 6 * sixes;",
    "const fours = rest === 5 ? 0 : rest / 4, last = rest - 4 * fours;",
    ...widths.flatMap((width) => [
      `for (; n >= ${width}; n -= ${width}) {`,
      "let ai = a, ci = c, fi = from;",
      ...tiles(6, width, "sixes"),
      ...tiles(4, width, "fours"),
      "switch (last) {",
      ...[5, 3, 2, 1].flatMap((rows) => [
        `case ${rows}:`,
        tiles(rows, width, "1")[0]!,
        "break;",
      ]),
      "}",
      `b += ${4 * width}; c += ${4 * width}; from += ${4 * width};`,
      "}",
    ]),
    "}",
  ].join("\n");
}

const capital = (name: string) => name[0]!.toUpperCase() + name.slice(1);

/** A class for the fields of a record, and the record that is in use. */
const classOf = (name: string, fields: Fields) => `
@unmanaged export class ${capital(name)} {
  ${
  Object.entries(fields).map(([field, type]) => `${field}: ${type};`).join(" ")
}
}
export let ${name} = changetype<${capital(name)}>(0);`;

/** The text of runtime/queue.ts: the queue that the host writes, and its clock. */
function queueSource(): string {
  return `${classOf("queue", QUEUE)}
/** Milliseconds. */
@external("env", "now") export declare function now(): f64;
export function attachQueue(pointer: usize): void {
  queue = changetype<Queue>(pointer);
}`;
}

/**
 * The text of a file of records: those that the host writes, and the numbers of their
 * jobs in the module.
 */
function recordsSource(
  jobs: Jobs,
  { jobs: all, shared }: ModuleSource,
): string {
  const fieldsOf = new Set(Object.values(jobs).map(({ fields }) => fields));
  const isShared = (fields: Fields) => Object.values(shared).includes(fields);
  const records: [string, Fields][] = [
    ...Object.entries(shared).filter(([, fields]) => fieldsOf.has(fields)),
    ...Object.values(jobs)
      .filter(({ fields }) => !isShared(fields))
      .map(({ name, fields }): [string, Fields] => [name, fields]),
  ];
  const numbers = Object.keys(all);
  const constant = (name: string) =>
    name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return `${
    Object.keys(jobs).map((name) =>
      `export const ${constant(name)}: i32 = ${numbers.indexOf(name)};`
    ).join("\n")
  }
${
    ACTIVATIONS.map((name, i) =>
      `export const ACTIVATION_${name.toUpperCase()}: i32 = ${i};`
    ).join("\n")
  }
${records.map(([name, fields]) => classOf(name, fields)).join("\n")}
export function attachRecords(queue: usize): void {
  ${
    records.map(([name]) =>
      `${name} = changetype<${capital(name)}>(queue + ${JOB_OFFSET});`
    ).join("\n  ")
  }
}`;
}

/**
 * Compiles a module.
 *
 * @param relaxed Whether with fused multiply-add.
 * @param lib Where the sources are.
 */
export async function compile(
  module: ModuleSource,
  relaxed: boolean,
  lib: URL,
): Promise<Uint8Array<ArrayBuffer>> {
  const { folder } = GENERAL;
  const generated: Record<string, string> = {
    [`${folder}/math/gemm.ts`]: gemmSource(),
    [`${folder}/math/loops.ts`]: loopsSource(),
    [`${folder}/math/elementwise_loops.ts`]: elementwiseSource(),
    [`${folder}/reductions/loops.ts`]: reductionsSource(),
    [`${folder}/math/rules.ts`]: rulesSource(),
    [`${folder}/math/series.ts`]: seriesSource(),
    [`${folder}/runtime/queue.ts`]: queueSource(),
    [`${folder}/tasks.ts`]: await tasksSource(module, lib),
    ...Object.fromEntries(
      Object.entries(module.records).map(([file, jobs]) => [
        `${file}.ts`,
        recordsSource(jobs, module),
      ]),
    ),
  };
  let binary: Uint8Array<ArrayBuffer> | undefined;
  // Where only help is asked for, nothing is looked up at npm.
  const { default: asc } = await import("assemblyscript/asc");
  const { error, stderr } = await asc.main([
    `${folder}/index.ts`,
    "--outFile",
    "kernels.wasm",
    "-O3",
    "--noAssert",
    // Sizes and addresses have the same 32 bits here.
    "--disableWarning",
    "201",
    // No vector leaves the module.
    "--disableWarning",
    "112",
    "--runtime",
    "stub",
    "--enable",
    `simd,threads${relaxed ? ",relaxed-simd" : ""}`,
    "--importMemory",
    "--sharedMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "65536",
  ], {
    readFile: (name: string) =>
      generated[name] ??
        (Deno.readTextFile(new URL(name, lib))
          .then(expandPairs, () => null)),
    writeFile: (_name: string, content: Uint8Array | string) => {
      binary = content as Uint8Array<ArrayBuffer>;
    },
    listFiles: () => [],
  });
  if (error || !binary) {
    throw new Error(`asc: ${error?.message}\n${stderr.toString()}`);
  }
  return binary;
}

/** The texts of all files that are built, by their paths within `lib`. */
export async function builtFiles(): Promise<Map<string, string>> {
  const operations = await operationFolders(LIB);
  const built = new Map<string, string>();
  for (const backend of ["wasm", "webgpu"] as const) {
    const file = `${backend}.ts` as const;
    built.set(
      `kernels/${backend}/built/operations.ts`,
      operationsSource(await operationsWith(file, LIB), file),
    );
  }
  for (const module of [GENERAL, lionModule(operations)]) {
    for (const relaxed of [true, false]) {
      const folder = module.folder.replace(/assembly$/, "built");
      const binary = await packed(await compile(module, relaxed, LIB));
      const name = relaxed ? "relaxed" : "strict";
      built.set(`${folder}/${name}.ts`, textOf(binary, relaxed));
    }
  }
  return built;
}

/** The text of the list of operations that describe their kernels in such a file. */
export function operationsSource(
  names: readonly string[],
  file: string,
): string {
  const nameOf = (name: string) =>
    name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const list = names.map(nameOf).join(", ");
  const lines = list.length <= 42
    ? `[${list}]`
    : `[\n${names.map((name) => `  ${nameOf(name)},`).join("\n")}\n]`;
  return `// Built by \`deno task build\` from lib/operations/*/${file}; do not edit.
${
    names.map((name) =>
      `import * as ${nameOf(name)} from "../../../operations/${name}/${file}";`
    ).join("\n")
  }

/** The operations that describe their kernels. */
export const OPERATIONS = ${lines} as const;
`;
}

function textOf(binary: string, relaxed: boolean): string {
  return `// Built by \`deno task build\` from assembly/; do not edit.

/** The module, for engines ${
    relaxed ? "with" : "without"
  } relaxed SIMD: zlib's format in base64. */
export const BINARY: string =
  "${binary}";
`;
}

/**
 * A binary as text, compressed by zopfli: a tenth smaller than by other libraries, and
 * since zopfli is WebAssembly itself, the same bytes on every system.
 */
async function packed(binary: Uint8Array): Promise<string> {
  const bytes = await zlibAsync(binary, { numiterations: 5 });
  return Uint8Array.from(bytes).toBase64();
}

const USAGE = `Usage: deno task build

Builds the WebAssembly kernels from the AssemblyScript in the folders assembly of
lib/tfjs/wasm and of lib/kernels/wasm, into the folders built beside them.

  --help   print this`;

if (import.meta.main) {
  await readCommandLine(USAGE, {}, () => {});
  for (const [file, text] of await builtFiles()) {
    await Deno.writeTextFile(new URL(file, LIB), text);
  }
}
