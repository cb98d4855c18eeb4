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
import { registerForm, type Schedule } from "./attention_passes.ts";
import { fullPlan } from "./full_plan.ts";
import { type Tiling, tilingOf } from "./score_tiles.ts";
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
 * @param isSoftware Whether the adapter computes on the CPU.
 */
export function registerFull(isSoftware: boolean): void {
  const tilingFor = ({ headDim, valueDim }: Dims): Tiling =>
    tilingOf(headDim, valueDim, isSoftware);
  const schedule: Schedule = {
    readsStates: false,
    gradientChunk: (length, dims) => Math.min(tilingFor(dims).rows, length),
    bytesOfSequence: (length, dims) =>
      16 * maskQuads(tilingFor(dims).rows) * length,
    prepare: (run, pass) => {
      const { chunks, decays, dims, passes, perToken } = run;
      if (!decays) return;
      const largestTile = tilingFor(dims).rows;
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
      const tiling = tilingFor(run.dims);
      for (const role of roles) {
        run.launch(
          (launch) => tilesShader({ role, decays, tiling }, launch),
          pass,
        );
      }
    },
  };
  for (const form of ["full", "blockwise"] as const) {
    registerForm(form, schedule, (request, device) => {
      const { rows } = tilingFor(request);
      const wanted = form === "full" ? undefined : request.chunkSize;
      return fullPlan({ ...request, chunkSize: wanted }, device, rows);
    });
  }
}
