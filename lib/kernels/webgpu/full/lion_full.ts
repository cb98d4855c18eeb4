/**
 * The full and the blockwise form as tfjs kernels for WebGPU, in tiles of scores
 * that no buffer ever holds: a launch, and one more with decays, for what tiles
 * need to know of them. The blockwise form's tiles have the tokens that the caller
 * wants, if a workgroup has rows for them.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { NumbersFor, ProblemSize } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import {
  type AttentionArguments,
  KernelCall,
  sizeOfProblem,
} from "../chunkwise/attention_call.ts";
import { registerForm } from "../chunkwise/register_form.ts";
import {
  leastColumns,
  type Tiling,
  type TilingLimits,
  tilingOf,
} from "../score_tiles/score_tiles.ts";
import { planFull } from "./full_plan.ts";
import { fullProgram } from "./full_shader.ts";
import {
  DECAYS_OF_TILE,
  FACTORS_OF_TOKEN,
  maskQuads,
  TILE_DECAYS,
  tileDecaysProgram,
} from "./tile_decays.ts";

/**
 * Registers the kernels `LionFull`, `LionBlockwise` and their gradients for
 * webgpu.
 */
export function registerFull(numbersFor: NumbersFor<WebGpuNumbers>): void {
  const tilingFor = (size: ProblemSize, limits: TilingLimits) => {
    const { full } = numbersFor(size);
    // A row's scores are weighed for all of its columns at once.
    const columnsPerThread = Math.max(
      full.columnsPerThread,
      leastColumns(size),
    );
    return tilingOf(size, { ...full, columnsPerThread }, limits);
  };
  for (const form of ["full", "blockwise"] as const) {
    registerForm({
      form,
      forward: (given) => {
        const { limits } = given.backend.device;
        return forward(given, tilingFor(sizeOfProblem(given), limits));
      },
      plan: (request, device) => {
        const wanted = form === "full" ? undefined : request.chunkSize;
        const problem = { ...request, chunkSize: wanted };
        return planFull(
          problem,
          device,
          tilingFor(request, device.limits).rows,
        );
      },
    }, numbersFor);
  }
}

/** The forward pass: y and the row sums. */
function forward(given: AttentionArguments, tiling: Tiling): tf.TensorInfo[] {
  const largestTile = tiling.rows;
  const length = given.inputs["q"]!.shape[2]!;
  const maskBytes = given.inputs["f"]
    ? 16 * maskQuads(largestTile) * length
    : 0;
  const call = new KernelCall(given, false, { bytesOfSequence: maskBytes });
  const { decays } = call;
  const y = call.output("y", call.input("v")!.shape);
  const rowSums = call.output("rowSums", call.perToken);
  const [q, k, v] = call.queriesKeysValues();
  if (decays) {
    const { sequences } = call.batches[0]!;
    const tokens = sequences * length;
    call.scratch(TILE_DECAYS.factors, FACTORS_OF_TOKEN * tokens);
    call.scratch(TILE_DECAYS.through, DECAYS_OF_TILE * sequences * call.chunks);
    call.scratch(TILE_DECAYS.mask, 4 * maskQuads(largestTile) * tokens);
  }
  for (const batch of call.batches) {
    if (decays) {
      call.launch(
        batch,
        (...given) => tileDecaysProgram(decays, largestTile, ...given),
      );
    }
    const spec = { vectors: [q, k, v], decays, tiling } as const;
    call.launch(batch, (...given) => fullProgram(spec, ...given));
  }
  call.clearPadding([y]);
  call.dispose();
  return [y, rowSums];
}
