/** The numbers that kernels are generated from. @module */
import { assertEquals, assertThrows } from "@std/assert";
import {
  adapterClassOf,
  shapeClassOf,
  wasmNumbers,
  webGpuNumbers,
} from "../../lib/kernels/numbers.ts";
import {
  ALLOWED,
  assertTuning,
  SHAPE_CLASSES,
  type TileNumbers,
  type TuningNumbers,
} from "../../lib/kernels/tuning.ts";
import { tilingOf } from "../../lib/kernels/webgpu/score_tiles/score_tiles.ts";

const SHORT = { length: 512, headDim: 32, valueDim: 8 };
const LONG = { length: 513, headDim: 8, valueDim: 65 };

Deno.test("shapeClassOf() goes by the tokens and the widest vectors", () => {
  assertEquals(shapeClassOf(SHORT), "short 32");
  assertEquals(shapeClassOf({ ...SHORT, valueDim: 33 }), "short 64");
  assertEquals(shapeClassOf(LONG), "long 128");
  assertEquals(shapeClassOf({ ...LONG, headDim: 1000 }), "long 128");
});

Deno.test("adapterClassOf() goes by vendor, architecture, name and limits", () => {
  const classOf = (
    vendor: string,
    description: string,
    workgroupBytes = 49152,
    architecture = "",
  ) => adapterClassOf({ vendor, architecture, description, workgroupBytes });
  assertEquals(classOf("65541", "llvmpipe"), "integrated");
  assertEquals(classOf("4318", "NVIDIA H100"), "discrete");
  assertEquals(classOf("nvidia", ""), "discrete");
  assertEquals(classOf("4098", "AMD Radeon RX 7900 XTX"), "discrete");
  assertEquals(classOf("4098", "AMD Radeon 780M Graphics"), "integrated");
  assertEquals(classOf("32902", "Intel(R) Arc(TM) A770"), "discrete");
  assertEquals(classOf("apple", "Apple M3"), "integrated");
  assertEquals(classOf("nvidia", "", 16384), "integrated");

  // Chrome tells no names.
  const familyOf = (vendor: string, architecture: string) =>
    classOf(vendor, "", 32768, architecture);
  assertEquals(familyOf("nvidia", "ampere"), "discrete");
  assertEquals(familyOf("intel", "gen-12hp"), "discrete");
  assertEquals(familyOf("intel", "xe-2hpg"), "discrete");
  assertEquals(familyOf("intel", "xe-2lpg"), "integrated");
  assertEquals(familyOf("amd", "rdna-4"), "discrete");
  assertEquals(familyOf("amd", "rdna-3"), "integrated");
  assertEquals(familyOf("amd", ""), "integrated");
  assertEquals(classOf("amd", "", 16384, "rdna-4"), "integrated");
});

Deno.test("numbers are those of the class, then those given for all shapes, then for one", () => {
  const tuning: TuningNumbers = {
    webgpu: {
      all: { chunkwise: { chunkSize: 16 }, full: { threads: 32 } },
      "long 128": { chunkwise: { chunkSize: 48 } },
    },
  };
  const numbersFor = webGpuNumbers("integrated", tuning);
  assertEquals(numbersFor(SHORT).chunkwise.chunkSize, 16);
  assertEquals(numbersFor(LONG).chunkwise, {
    chunkSize: 48,
    masklessChunkSize: 256,
    blockRows: 32,
    unscannedChunks: 2,
  });
  assertEquals(numbersFor(LONG).full, {
    threads: 32,
    columnsPerThread: 8,
    stagedColumns: 16,
  });
  assertEquals(webGpuNumbers("discrete", tuning)(SHORT).softmax, {
    threads: 128,
    columnsPerThread: 4,
    stagedColumns: 16,
    maxima: "memory",
  });
  assertEquals(wasmNumbers(tuning)(SHORT), {
    chunkwise: { chunkSize: 32 },
    full: { tileSize: 64 },
    delta: { chunkSize: 24 },
  });
});

Deno.test("every default may be given", () => {
  for (const adapter of ["integrated", "discrete"] as const) {
    for (const shape of [SHORT, LONG]) {
      assertTuning({ webgpu: { all: webGpuNumbers(adapter, {})(shape) } });
    }
  }
  assertTuning({ threads: 1, wasm: { all: wasmNumbers({})(SHORT) } });
  for (const name of SHAPE_CLASSES) assertTuning({ webgpu: { [name]: {} } });
});

Deno.test("assertTuning() names what is wrong", () => {
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    ["fast", TypeError, "options of tuning should be an object"],
    [{ webgp: {} }, TypeError, 'did you mean "webgpu"'],
    [{ threads: 0 }, RangeError, "tuning.threads"],
    [{ threads: "2" }, TypeError, "tuning.threads should be a number"],
    [{ webgpu: { "long64": {} } }, TypeError, 'did you mean "long 64"'],
    [{ wasm: { all: { softmax: {} } } }, TypeError, 'no option "softmax"'],
    [
      { webgpu: { all: { chunkwise: { chunksize: 8 } } } },
      TypeError,
      'did you mean "chunkSize"',
    ],
    [
      { webgpu: { all: { chunkwise: { chunkSize: 257 } } } },
      RangeError,
      'tuning.webgpu["all"].chunkwise.chunkSize should be an integer from 1 to 256, got 257',
    ],
    [
      { webgpu: { all: { chunkwise: { blockRows: 12 } } } },
      RangeError,
      "blockRows should be 8 or 16 or 24 or 32, got 12",
    ],
    [
      { webgpu: { all: { full: { threads: "64" } } } },
      TypeError,
      'threads should be 32 or 64 or 128 or 256, got "64"',
    ],
    [
      { webgpu: { all: { softmax: { maxima: "registers" } } } },
      RangeError,
      'maxima should be "memory" or "subgroups", got "registers"',
    ],
    // Tunings of earlier versions may have these.
    [
      { webgpu: { all: { full: { quads: 1 } } } },
      TypeError,
      'tuning.webgpu["all"].full has no option "quads"',
    ],
    [
      { webgpu: { all: { full: { layout: "lanes" } } } },
      TypeError,
      'tuning.webgpu["all"].full has no option "layout"',
    ],
    [
      { webgpu: { all: { delta: { layout: "tiles" } } } },
      TypeError,
      'tuning.webgpu["all"].delta has no option "layout"',
    ],
    [
      { wasm: { all: { delta: { chunkSize: 2.5 } } } },
      RangeError,
      'tuning.wasm["all"].delta.chunkSize',
    ],
  ];
  for (const [tuning, kind, message] of cases) {
    assertThrows(() => assertTuning(tuning as TuningNumbers), kind, message);
  }
});

/** What no number may be; 4294967297 is 1 in 32 bits. */
const HOSTILE: unknown[] = [
  ...[0, -0, -1, 1.5, NaN, Infinity, -Infinity, 1e6, 1e308, 2 ** 31],
  ...[2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, 5e-324],
  ...["", "2", "64", "tiles ", null, undefined, true, [], [64], {}, 64n],
  ...[Symbol("64"), () => 64, { valueOf: () => 64 }, new Date(64)],
];

Deno.test("every number of a tuning is one of those allowed, or refused by name", () => {
  const refused = (tuning: unknown, name: string, value: unknown) => {
    const error = assertThrows(
      () => assertTuning(tuning as TuningNumbers),
      Error,
    );
    const kind = error instanceof TypeError || error instanceof RangeError;
    assertEquals(kind, true, `${name} of ${String(value)}: ${error}`);
    const { message } = error;
    // As of any option that is null.
    const subject = value === null ? name.replace(/\.(\w+)$/, "'s $1") : name;
    assertEquals(message.startsWith(`${subject} should `), true, message);
  };
  const cycle: unknown[] = [];
  cycle.push(cycle);
  let numbers = 0;
  for (const [backend, families] of Object.entries(ALLOWED)) {
    for (const [family, fields] of Object.entries(families)) {
      for (const [field, allowed] of Object.entries(fields)) {
        numbers++;
        const name = `tuning.${backend}["long 64"].${family}.${field}`;
        for (const value of [...HOSTILE, cycle]) {
          if (Array.isArray(allowed) && allowed.includes(value)) continue;
          const tuning = {
            [backend]: { "long 64": { [family]: { [field]: value } } },
          };
          refused(tuning, name, value);
        }
      }
    }
  }
  assertEquals(numbers, 16);
  for (const value of [...HOSTILE, cycle]) {
    if (value !== undefined) {
      refused({ threads: value }, "tuning.threads", value);
    }
  }
});

Deno.test("tilings fit the device, whatever numbers they are made from", () => {
  const limits = {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
  };
  const full = ALLOWED.webgpu.full as Readonly<
    Record<keyof TileNumbers, readonly number[]>
  >;
  for (const threads of full.threads) {
    for (const columnsPerThread of full.columnsPerThread) {
      for (const stagedColumns of full.stagedColumns) {
        for (const columns of [1, 16, 17, 64, 65, 128, 300]) {
          const dims = { headDim: columns, valueDim: 5 };
          const numbers = { threads, columnsPerThread, stagedColumns };
          const tiling = tilingOf(dims, numbers, limits);
          const { threadsPerRow, columnSplits, rows } = tiling;
          assertEquals(tiling.threads % threadsPerRow, 0);
          assertEquals(rows, 8 * tiling.threads / threadsPerRow);
          // A tile of scores, the maxima of its rows, and what is staged.
          const bytes = 4 * rows * tiling.columns + 4 * threadsPerRow * rows +
            4 * stagedColumns * tiling.columns;
          assertEquals(bytes <= 16384 && rows <= 128, true);
          const covered = tiling.columnsPerThread * threadsPerRow *
            columnSplits;
          assertEquals(covered >= columns, true);
          // No split is in vain.
          const ofSplit = tiling.columnsPerThread * threadsPerRow;
          assertEquals(covered - ofSplit < columns, true);
        }
      }
    }
  }
});
