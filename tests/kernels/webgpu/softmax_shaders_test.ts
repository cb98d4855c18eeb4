/** The text of the shaders of softmax attention, as shaders_test.ts has it of others. @module */
import { assert } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import {
  type TilingLimits,
  tilingOf,
} from "../../../lib/kernels/webgpu/score_tiles/score_tiles.ts";
import {
  forwardProgram,
  keyGradientsProgram,
  queryGradientProgram,
  type Sharing,
  softmaxRowsProgram,
} from "../../../lib/kernels/webgpu/softmax/softmax_programs.ts";
import type { Shader } from "../../../lib/tfjs/webgpu/shader.ts";
import { distinctShaders, testCompiling } from "./shader_checks.ts";

interface Sizes {
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly causal: boolean;
}

/** All programs for a problem. */
function programsOf(
  { length, headDim, valueDim, causal }: Sizes,
  sharing: Sharing,
  { masked = false, packed = false } = {},
): Program[] {
  const tensor = (...shape: number[]): TensorInfo => ({
    dataId: {},
    shape,
    dtype: "float32",
  });
  const [q, k, v] = [headDim, headDim, valueDim].map((dim) =>
    tensor(1, 2, length, dim)
  ) as [TensorInfo, TensorInfo, TensorInfo];
  const [maxima, sums] = [tensor(1, 2, length), tensor(1, 2, length)];
  const hiding = {
    ...(masked ? { mask: tensor(1, length) } : {}),
    ...(packed ? { segments: tensor(1, length) } : {}),
  };
  const rows = tensor(2 * length, 4);
  const attributes = { causal, scale: 0.5 };
  const reads = { q, k, v, dy: v, rows };
  const inputs = { q, k, v, ...hiding };
  const outputs = { y: v, maxima, sums };
  const ofRows = softmaxRowsProgram(
    { y: v, dy: v, maxima, sums, ...hiding },
    rows,
    false,
  );
  const gradients = { dk: k, dv: v };
  const { tiling } = sharing;
  return [
    forwardProgram(inputs, outputs, attributes, sharing),
    ofRows,
    queryGradientProgram(reads, { dq: q }, attributes, tiling),
    keyGradientsProgram(reads, gradients, attributes, tiling),
  ];
}

/** Every number of threads and of columns that a tuning may have. */
const TILINGS = [32, 64, 128, 256].flatMap((threads) =>
  [4, 8, 16].flatMap((columnsPerThread) =>
    [0, 8, 16, 32].map((stagedColumns) => ({
      threads,
      columnsPerThread,
      stagedColumns,
    }))
  )
);

const LIMITS: TilingLimits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 65536,
};

/**
 * All ways of sharing out a problem, without and with subgroups; the first is
 * the default.
 */
function sharings(sizes: Sizes, limits = LIMITS): Sharing[] {
  const { softmax } = webGpuNumbers("integrated", undefined)(sizes);
  // Numbers for which a device has no room make the same tiling as others.
  const tilings = new Map(
    [softmax, ...TILINGS].map((numbers) => {
      const tiling = tilingOf(sizes, numbers, limits);
      return [JSON.stringify(tiling), tiling];
    }),
  );
  const subgroups = { size: 32, directive: "enable subgroups;\n" };
  return [...tilings.values()].flatMap((tiling) =>
    [undefined, subgroups].map((comparing) => ({ tiling, comparing }))
  );
}

const SIZES: Sizes = { length: 40, headDim: 64, valueDim: 64, causal: false };

/** What may hide tokens; the programs of the gradients themselves do not know of it. */
const HIDING = [
  { masked: true },
  { packed: true },
  { masked: true, packed: true },
];

/** The shaders of a problem, in all ways. */
function* shadersOf(
  sizes: Sizes,
  limits?: TilingLimits,
): Generator<Shader> {
  for (const sharing of sharings(sizes, limits)) {
    const programs = [
      ...programsOf(sizes, sharing),
      ...HIDING.flatMap((hiding) =>
        programsOf(sizes, sharing, hiding).slice(0, 2)
      ),
    ];
    yield* programs.map((program) => shaderOf(program, 65535));
  }
}

/** The shaders of problems of many sizes. */
function* variants(): Generator<Shader> {
  for (const headDim of [1, 6, 32, 64, 200]) {
    for (const valueDim of [1, 5, 40, 200]) {
      for (const length of [1, 40, 1000]) {
        yield* shadersOf({ length, headDim, valueDim, causal: length > 40 });
      }
    }
  }
}

Deno.test("shaders of softmax attention differ if their keys do, and bind few buffers", () => {
  for (const { bindings } of distinctShaders(variants())) {
    // What every WebGPU device offers.
    assert(bindings.length <= 8);
  }
});

testCompiling("softmax attention", function* (limits) {
  yield* shadersOf(SIZES, limits);
  const ragged = { ...SIZES, headDim: 6 };
  for (const hiding of [{}, ...HIDING]) {
    for (const program of programsOf(ragged, sharings(ragged)[0]!, hiding)) {
      yield shaderOf(program, 65535);
    }
  }
});
