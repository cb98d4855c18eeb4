/**
 * The text of the shaders of softmax attention, as shaders_test.ts has it of
 * the others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import { tilingOf } from "../../../lib/kernels/webgpu/score_tiles/score_tiles.ts";
import {
  forwardProgram,
  type Sharing,
} from "../../../lib/kernels/webgpu/softmax/softmax_forward.ts";
import {
  keyGradientsProgram,
  queryGradientProgram,
  rowsProgram,
} from "../../../lib/kernels/webgpu/softmax/softmax_gradient.ts";
import { assertSnapshot } from "./snapshot.ts";

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
  const ofRows = rowsProgram({ y: v, dy: v, maxima, sums, ...hiding }, rows);
  const gradients = { dk: k, dv: v };
  const { tiling } = sharing;
  return [
    forwardProgram(inputs, outputs, attributes, sharing),
    ofRows,
    queryGradientProgram(reads, q, attributes, tiling),
    keyGradientsProgram(reads, gradients, attributes, tiling),
  ];
}

/** Every number of threads and of quads that a tuning may have. */
const TILINGS = [32, 64, 128, 256].flatMap((threads) =>
  [1, 2, 4].flatMap((quads) =>
    [0, 2, 4, 8].map((stagedQuads) => ({ threads, quads, stagedQuads }))
  )
);

const LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 65536,
};

/** All ways of sharing out a problem, without and with subgroups; the first is the default. */
function sharings(sizes: Sizes): Sharing[] {
  const { softmax } = webGpuNumbers("integrated", undefined)(sizes);
  const tilings = [softmax, ...TILINGS].map((numbers) =>
    tilingOf(sizes, numbers, LIMITS)
  );
  const subgroups = { size: 32, directive: "enable subgroups;\n" };
  return tilings.flatMap((tiling) =>
    [undefined, subgroups].map((comparing) => ({ tiling, comparing }))
  );
}

const SIZES: Sizes = { length: 40, headDim: 64, valueDim: 64, causal: false };

Deno.test("shaders of softmax attention have the text of their snapshots", async (t) => {
  const gpu = sharings(SIZES)[0]!;
  const [forward, rows, query, key] = programsOf(SIZES, gpu);
  const ragged = programsOf({ ...SIZES, headDim: 6 }, gpu, {
    masked: true,
  })[0];
  const packed = programsOf(SIZES, gpu, { packed: true })[0];
  const programs = {
    softmax_attention: forward,
    softmax_attention_ragged_masked: ragged,
    softmax_attention_packed: packed,
    softmax_rows: rows,
    softmax_query_gradient: query,
    softmax_key_gradients: key,
  };
  for (const [name, program] of Object.entries(programs)) {
    await t.step(name, () => assertSnapshot(name, shaderOf(program!, 65535)));
  }
});

const HIDING = [false, true].flatMap((masked) =>
  [false, true].map((packed) => ({ masked, packed }))
);

Deno.test("shaders of softmax attention differ if their keys do, and bind few buffers", () => {
  const byKey = new Map<string, string>();
  for (const headDim of [1, 6, 16, 32, 64, 128, 200]) {
    for (const valueDim of [1, 5, 16, 40, 200]) {
      for (const length of [1, 40, 1000]) {
        const sizes = { length, headDim, valueDim, causal: length > 40 };
        for (const sharing of sharings(sizes)) {
          for (const hiding of HIDING) {
            for (const program of programsOf(sizes, sharing, hiding)) {
              const { key, code, bindings } = shaderOf(program, 65535);
              // What every WebGPU device offers.
              assert(bindings.length <= 8);
              assertEquals(byKey.get(key) ?? code(), code());
              byKey.set(key, code());
            }
          }
        }
      }
    }
  }
  assertEquals(new Set(byKey.values()).size, byKey.size);
});
