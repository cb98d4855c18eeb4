/**
 * The files that a reader passes from `lionAttention` to the loop that computes: one
 * forward call of the chunkwise form with a decay per token. Left out are messages,
 * refusals, limits, costs, padding, segments, parts of sequences, and the tape.
 *
 * @module
 */

const BOTH: readonly string[] = [
  "lib/attention/lion_attention.ts",
  "lib/attention/forms/checks.ts",
  "lib/attention/planning/plan.ts",
  "lib/attention/planning/kernel.ts",
  "lib/tfjs/kernel/kernel.ts",
  "lib/attention/decays/resolve_decays.ts",
  "lib/attention/decays/decay_pair.ts",
  "lib/attention/forms/form.ts",
];

/** The walk on each backend, in the order in which one reads. */
export const WALKS: Readonly<Record<"webgpu" | "wasm", readonly string[]>> = {
  webgpu: [
    ...BOTH,
    "lib/kernels/webgpu/lion_attention.ts",
    "lib/tfjs/webgpu/fused_kernel.ts",
    "lib/kernels/webgpu/chunkwise/chunkwise.ts",
    "lib/kernels/webgpu/frame/attention_call.ts",
    "lib/kernels/webgpu/frame/vectors.ts",
    "lib/kernels/webgpu/chunkwise/states.ts",
    "lib/kernels/webgpu/chunkwise/mask.ts",
    "lib/kernels/webgpu/chunkwise/attend.ts",
    "lib/kernels/webgpu/chunkwise/attend.wgsl.ts",
    "lib/tfjs/webgpu/program.ts",
    "lib/tfjs/webgpu/wgsl.ts",
    "lib/tfjs/webgpu/launch.ts",
  ],
  wasm: [
    ...BOTH,
    "lib/kernels/wasm/lion_attention.ts",
    "lib/tfjs/wasm/kernel.ts",
    "lib/tfjs/wasm/host.ts",
    "lib/kernels/wasm/jobs.ts",
    "lib/kernels/wasm/assembly/chunkwise/chunkwise_job.ts",
    "lib/kernels/wasm/assembly/chunkwise/sizes.ts",
    "lib/kernels/wasm/assembly/chunkwise/chunkwise_forward.ts",
    "lib/kernels/wasm/assembly/chunkwise/intra_chunk.ts",
    "lib/kernels/wasm/assembly/chunkwise/decay.ts",
    "lib/kernels/wasm/assembly/chunkwise/chunk_operands.ts",
    "tools/kernels/build.ts",
    "lib/tfjs/wasm/assembly/math/matrix.ts",
  ],
};
