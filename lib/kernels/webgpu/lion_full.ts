/**
 * The full and the blockwise form as tfjs kernels for WebGPU: forward and
 * gradient, in tiles of scores that no buffer ever holds. The blockwise form's
 * tiles have the tokens that the caller wants, if a workgroup has rows for them.
 *
 * Forward, a launch; one more with decays, for what tiles need to know of them.
 * The gradient has one for each of dq, dk and dv, and with decays the states of
 * the chunkwise form: what passes a tile, from the tokens before it to those
 * after it, is the product of the states that meet there.
 *
 * @module
 */
import type { Shader } from "../../tfjs/webgpu/shader.ts";
import type { AdapterTraits } from "../../tfjs/webgpu/subgroups.ts";
import { registerForm, type Schedule } from "./attention_passes.ts";
import { fullPlan } from "./full_plan.ts";
import type { Preparation } from "./preparation.ts";
import type { Launch } from "./problem.ts";
import type { Role } from "./roles.ts";
import { type Tiling, tilingOf } from "./score_tiles.ts";
import { simdOf } from "./simd_blocks.ts";
import { SIMD_TILE } from "./simd_sides.ts";
import { simdTilesShader } from "./simd_tiles.ts";
import {
  DECAYS_OF_TILE,
  FACTORS_OF_TOKEN,
  maskQuads,
  TILE_DECAYS,
  tileDecaysShader,
} from "./tile_decays.ts";
import { tilesShader } from "./tiles.ts";
import type { Dims } from "./vectors.ts";

/**
 * Registers the kernels `LionFull`, `LionBlockwise` and their gradients for
 * webgpu.
 *
 * @param adapter What is known of the adapter.
 */
export function registerFull({ isSoftware, subgroups }: AdapterTraits): void {
  const tilingFor = ({ headDim, valueDim }: Dims): Tiling =>
    tilingOf(headDim, valueDim);
  const rowsFor = (dims: Dims) => isSoftware ? SIMD_TILE : tilingFor(dims).rows;
  const shaderOf = (
    role: Role,
    decays: Preparation | null,
    launch: Launch,
  ): Shader => {
    if (!isSoftware) {
      return tilesShader({ role, decays, tiling: tilingFor(launch) }, launch);
    }
    const simd = simdOf([launch.headDim, launch.valueDim], subgroups)!;
    return simdTilesShader({ role, decays, simd }, launch);
  };
  const schedule: Schedule = {
    readsStates: false,
    gradientChunk: (length, dims) => Math.min(rowsFor(dims), length),
    bytesOfSequence: (length, dims) => 16 * maskQuads(rowsFor(dims)) * length,
    prepare: (run, pass) => {
      const { chunks, decays, dims, passes, perToken } = run;
      if (!decays) return;
      const largestTile = rowsFor(dims);
      if (!run.input(TILE_DECAYS.mask)) {
        const { sequences } = passes[0]!;
        const tokens = sequences * perToken[2]!;
        run.scratch(TILE_DECAYS.factors, FACTORS_OF_TOKEN * tokens);
        run.scratch(TILE_DECAYS.through, DECAYS_OF_TILE * sequences * chunks);
        run.scratch(TILE_DECAYS.mask, 4 * maskQuads(largestTile) * tokens);
      }
      const spec = { decays, largestTile };
      run.launch((launch) => tileDecaysShader(spec, launch), pass);
    },
    attend: (run, roles, decays, pass) => {
      for (const role of roles) {
        run.launch((launch) => shaderOf(role, decays, launch), pass);
      }
    },
  };
  for (const form of ["full", "blockwise"] as const) {
    registerForm(form, schedule, (request, device) => {
      const wanted = form === "full" ? undefined : request.chunkSize;
      const problem = { ...request, chunkSize: wanted };
      return fullPlan(problem, device, rowsFor(request));
    });
  }
}
