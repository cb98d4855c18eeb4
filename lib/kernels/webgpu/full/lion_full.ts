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
import type { NumbersFor, Shape } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { registerForm, type Schedule } from "../chunkwise/register_form.ts";
import { fullPlan } from "./full_plan.ts";
import {
  leastQuads,
  type TilingLimits,
  tilingOf,
} from "../score_tiles/score_tiles.ts";
import {
  DECAYS_OF_TILE,
  FACTORS_OF_TOKEN,
  maskQuads,
  TILE_DECAYS,
  tileDecaysShader,
} from "./tile_decays.ts";
import { tilesShader } from "./full_shader.ts";

/**
 * Registers the kernels `LionFull`, `LionBlockwise` and their gradients for
 * webgpu.
 *
 * @param numbersFor What they are generated from.
 */
export function registerFull(numbersFor: NumbersFor<WebGpuNumbers>): void {
  const tilingFor = (shape: Shape, limits: TilingLimits) => {
    const { full } = numbersFor(shape);
    // A row's scores are weighed for all of its columns at once.
    const quads = Math.max(full.quads, leastQuads(shape));
    return tilingOf(shape, { ...full, quads }, limits);
  };
  const rowsFor = (shape: Shape, limits: TilingLimits) =>
    tilingFor(shape, limits).rows;
  const schedule: Schedule = {
    readsStates: false,
    gradientChunk: (shape, limits) =>
      Math.min(rowsFor(shape, limits), shape.length),
    bytesOfSequence: (shape, limits) =>
      16 * maskQuads(rowsFor(shape, limits)) * shape.length,
    prepare: (run, pass) => {
      const { chunks, decays, limits, passes, perToken } = run;
      if (!decays) return;
      const largestTile = rowsFor(run.sizes, limits);
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
        run.launch(
          (launch) => {
            const tiling = tilingFor(launch, run.limits);
            return tilesShader({ role, decays, tiling }, launch);
          },
          pass,
        );
      }
    },
  };
  for (const form of ["full", "blockwise"] as const) {
    registerForm(form, schedule, (request, device) => {
      const wanted = form === "full" ? undefined : request.chunkSize;
      const problem = { ...request, chunkSize: wanted };
      return fullPlan(problem, device, rowsFor(request, device.limits));
    });
  }
}
