/**
 * Builds lib/kernels/wasm/module.ts, the WebAssembly kernels as base64, from
 * their AssemblyScript source.
 *
 * @module
 */
import asc from "assemblyscript/asc";
import {
  type Fields,
  JOB_OFFSET,
  JOBS,
  QUEUE,
} from "../lib/kernels/wasm/jobs.ts";

const SOURCE = new URL("../lib/kernels/wasm/assembly/", import.meta.url);
const TARGET = new URL("../lib/kernels/wasm/module.ts", import.meta.url);

/** Rows and columns of C that a micro-kernel keeps in registers. */
const TILE_ROWS = [6, 5, 4, 3, 2, 1];
const TILE_COLUMNS = [8, 4];

/**
 * Matrix products by register tiles: 6 × 8 sums are 12 vectors, which with a
 * row of B and an element of A fill the 16 registers of x86-64.
 */
function gemmSource(): string {
  const kernels = [false, true].flatMap((transposed) =>
    TILE_COLUMNS.flatMap((columns) =>
      TILE_ROWS.map((rows) => tileSource(rows, columns, transposed))
    )
  );
  return [
    `import { multiplyAdd } from "./simd";`,
    ...kernels,
    ...[false, true].map(sweepSource),
  ].join("\n");
}

function tileName(rows: number, columns: number, transposed: boolean): string {
  return `tile${rows}x${columns}${transposed ? "t" : ""}`;
}

const TILE_PARAMETERS =
  "inner: i32, a: usize, aStride: usize, b: usize, bStride: usize, " +
  "c: usize, cStride: usize, weight: f32, from: usize, fromStride: usize";

function tileSource(rows: number, columns: number, transposed: boolean) {
  const I = [...Array(rows).keys()], J = [...Array(columns / 4).keys()];
  const each = (f: (i: number, j: number) => string) =>
    I.flatMap((i) => J.map((j) => f(i, j))).join(" ");
  const step = (unrolled: number) => `
    ${
    J.map((j) => `const b${unrolled}_${j} = v128.load(b, ${16 * j});`).join(" ")
  }
    b += bStride;
    ${
    I.map((i) => {
      const element = transposed
        ? `v128.load32_splat(a, ${4 * i})`
        : `v128.load32_splat(a${i}, ${4 * unrolled})`;
      const x = `x${unrolled}_${i}`;
      return `const ${x} = ${element}; ` +
        J.map((j) =>
          `c${i}_${j} = multiplyAdd(${x}, b${unrolled}_${j}, c${i}_${j});`
        ).join(" ");
    }).join("\n    ")
  }
    ${transposed ? "a += aStride;" : ""}`;
  const advance = (steps: number) =>
    transposed ? "" : I.map((i) => `a${i} += ${4 * steps};`).join(" ");
  const unrolled = 4;
  return `
function ${tileName(rows, columns, transposed)}(${TILE_PARAMETERS}): void {
  ${each((i, j) => `let c${i}_${j} = f32x4.splat(0);`)}
  ${transposed ? "" : I.map((i) => `let a${i} = a + ${i} * aStride;`).join(" ")}
  let k = inner;
  for (; k >= ${unrolled}; k -= ${unrolled}) {${
    [...Array(unrolled).keys()].map(step).join("")
  }
    ${advance(unrolled)}
  }
  for (; k > 0; k--) {${step(0)}
    ${advance(1)}
  }
  if (weight !== 0) {
    const w = f32x4.splat(weight);
    ${
    I.map((i) =>
      J.map((j) =>
        `v128.store(c, multiplyAdd(v128.load(from, ${
          16 * j
        }), w, c${i}_${j}), ${16 * j});`
      ).join(" ") +
      (i < rows - 1 ? " c += cStride; from += fromStride;" : "")
    ).join("\n    ")
  }
  } else {
    ${
    I.map((i) =>
      J.map((j) => `v128.store(c, c${i}_${j}, ${16 * j});`).join(" ") +
      (i < rows - 1 ? " c += cStride;" : "")
    ).join("\n    ")
  }
  }
}`;
}

/** The tiles of a whole product, column block by column block. */
function sweepSource(transposed: boolean): string {
  const [most, ...fewer] = TILE_ROWS as [number, ...number[]];
  const call = (rows: number, columns: number) =>
    `${
      tileName(rows, columns, transposed)
    }(inner, ai, aStride, b, bStride, ci, cStride, weight, fi, fromStride);`;
  return `
/** C = weight · from + ${
    transposed ? "Aᵀ" : "A"
  } B; columns % 4 == 0, strides in bytes. */
export function ${
    transposed ? "multiplyTransposed" : "multiply"
  }(rows: i32, columns: i32, ${TILE_PARAMETERS}): void {
  let n = columns;
  ${
    TILE_COLUMNS.map((width) => `
  for (; n >= ${width}; n -= ${width}) {
    let m = rows, ai = a, ci = c, fi = from;
    for (; m >= ${most}; m -= ${most}) {
      ${call(most, width)}
      ai += ${
      transposed ? 4 * most : `${most} * aStride`
    }; ci += ${most} * cStride; fi += ${most} * fromStride;
    }
    switch (m) {
      ${
      fewer.map((rows) => `case ${rows}: ${call(rows, width)} break;`).join(
        "\n      ",
      )
    }
    }
    b += ${4 * width}; c += ${4 * width}; from += ${4 * width};
  }`).join("")
  }
}`;
}

/** What the host gives: the records that it writes, and a clock. */
function jobsSource(): string {
  const { forward, backward: _same, ...others } = JOBS;
  const records: [string, Fields][] = Object.entries({
    attention: forward,
    ...others,
  });
  const capital = (name: string) => name[0]!.toUpperCase() + name.slice(1);
  const classOf = (name: string, fields: Fields) => `
@unmanaged export class ${capital(name)} {
  ${
    Object.entries(fields).map(([field, type]) => `${field}: ${type};`).join(
      " ",
    )
  }
}
export let ${name} = changetype<${capital(name)}>(0);`;
  return `${classOf("queue", QUEUE)}
${records.map(([name, fields]) => classOf(name, fields)).join("\n")}
/** Milliseconds. */
@external("env", "now") export declare function now(): f64;
export function attach(pointer: usize): void {
  queue = changetype<Queue>(pointer);
  ${
    records.map(([name]) =>
      `${name} = changetype<${capital(name)}>(pointer + ${JOB_OFFSET});`
    ).join("\n  ")
  }
}`;
}

/** Compiles the module; with fused multiply-add or without. */
async function compile(relaxed: boolean): Promise<Uint8Array> {
  const generated: Record<string, string> = {
    "gemm.ts": gemmSource(),
    "jobs.ts": jobsSource(),
  };
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([
    "index.ts",
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
        (Deno.readTextFile(new URL(name, SOURCE)).catch(() => null)),
    writeFile: (_name: string, content: Uint8Array | string) => {
      binary = content as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !binary) {
    throw new Error(`asc: ${error?.message}\n${stderr.toString()}`);
  }
  return binary;
}

/** The text of lib/kernels/wasm/module.ts. */
export async function moduleSource(): Promise<string> {
  const [relaxed, strict] = [await compile(true), await compile(false)];
  return `// Built by \`deno task build\` from assembly/; do not edit.

/** The kernels, for engines with relaxed SIMD; base64. */
export const RELAXED: string =
  "${relaxed.toBase64()}";

/** The kernels, for engines without it; base64. */
export const STRICT: string =
  "${strict.toBase64()}";
`;
}

if (import.meta.main) {
  await Deno.writeTextFile(TARGET, await moduleSource());
}
