/**
 * The text of the shaders of softmax attention, as shaders_test.ts has it of
 * the others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { forwardProgram } from "../../../lib/kernels/webgpu/softmax_forward.ts";
import {
  keyGradientsProgram,
  queryGradientProgram,
  rowsProgram,
} from "../../../lib/kernels/webgpu/softmax_gradient.ts";
import { type Simd, simdOf } from "../../../lib/kernels/webgpu/simd_blocks.ts";
import { simdForwardProgram } from "../../../lib/kernels/webgpu/softmax_simd_forward.ts";
import {
  simdKeyGradientsProgram,
  simdQueryGradientProgram,
} from "../../../lib/kernels/webgpu/softmax_simd_gradient.ts";
import { assertSnapshot } from "./snapshot.ts";

interface Sizes {
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly causal: boolean;
}

/** How a problem is shared out: as on a GPU, or what lanes keep. */
type Sharing = "GPU" | Simd;

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
  if (sharing === "GPU") {
    return [
      forwardProgram(inputs, outputs, attributes),
      ofRows,
      queryGradientProgram(reads, q, attributes),
      keyGradientsProgram(reads, gradients, attributes),
    ];
  }
  return [
    simdForwardProgram(inputs, outputs, attributes, sharing),
    ofRows,
    simdQueryGradientProgram(reads, q, attributes, sharing),
    simdKeyGradientsProgram(reads, gradients, attributes, sharing),
  ];
}

/** All ways of sharing out a problem: of a GPU, and of a CPU with subgroups and without. */
function sharings({ headDim, valueDim }: Sizes): Sharing[] {
  const subgroups = { size: 8, directive: "enable subgroups;\n" };
  const ofCpu = [undefined, subgroups].map((one) =>
    simdOf([headDim, valueDim], one)
  );
  return ["GPU", ...ofCpu.filter((simd) => simd !== undefined)];
}

const SIZES: Sizes = { length: 40, headDim: 64, valueDim: 64, causal: false };

Deno.test("shaders of softmax attention have the text of their snapshots", async (t) => {
  const [gpu, cpu, subgroups] = sharings(SIZES) as [Sharing, Sharing, Sharing];
  const [forward, rows, query, key] = programsOf(SIZES, gpu);
  const [simd, , , simdKey] = programsOf(SIZES, subgroups, { masked: true });
  const [software] = programsOf(SIZES, cpu);
  const ragged = programsOf({ ...SIZES, headDim: 6 }, gpu, {
    masked: true,
  })[0];
  const packed = programsOf(SIZES, gpu, { packed: true })[0];
  const programs = {
    softmax_attention: forward,
    softmax_attention_ragged_masked: ragged,
    softmax_attention_simd: software,
    softmax_attention_simd_masked: simd,
    softmax_key_gradients_simd: simdKey,
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
