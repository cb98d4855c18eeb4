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
  isSoftware: boolean,
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
  const attributes = { causal, scale: 0.5, isSoftware };
  const reads = { q, k, v, dy: v, rows };
  return [
    forwardProgram({ q, k, v, ...hiding }, { y: v, maxima, sums }, attributes),
    rowsProgram({ y: v, dy: v, maxima, sums, ...hiding }, rows),
    queryGradientProgram(reads, q, attributes),
    keyGradientsProgram(reads, { dk: k, dv: v }, attributes),
  ];
}

const SIZES: Sizes = { length: 40, headDim: 64, valueDim: 64, causal: false };

Deno.test("shaders of softmax attention have the text of their snapshots", async (t) => {
  const [forward, rows, query, key] = programsOf(SIZES, false);
  const [software] = programsOf(SIZES, true, { masked: true });
  const ragged = programsOf({ ...SIZES, headDim: 6 }, false, {
    masked: true,
  })[0];
  const packed = programsOf(SIZES, false, { packed: true })[0];
  const programs = {
    softmax_attention: forward,
    softmax_attention_ragged_masked: ragged,
    softmax_attention_software_masked: software,
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
      for (const isSoftware of [false, true]) {
        for (const hiding of HIDING) {
          for (const length of [1, 40, 1000]) {
            const sizes = { length, headDim, valueDim, causal: length > 40 };
            for (const program of programsOf(sizes, isSoftware, hiding)) {
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
