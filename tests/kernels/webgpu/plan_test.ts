import { assert, assertEquals } from "@std/assert";
import type { KernelRequest } from "../../../lib/attention/planning/kernel.ts";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import { planFull } from "../../../lib/kernels/webgpu/full/lion_full.ts";
import { planChunkwise } from "../../../lib/kernels/webgpu/chunkwise/chunkwise.ts";
import { planDiagonal } from "../../../lib/kernels/webgpu/diagonal/diagonal_plan.ts";

const REQUEST: KernelRequest = {
  batch: 1,
  heads: 4,
  length: 1024,
  headDim: 64,
  valueDim: 64,
  decays: true,
  causal: false,
  normalize: true,
  chunkSize: undefined,
  precision: "f32",
};

/** The limits that WebGPU guarantees. */
const LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
  maxComputeWorkgroupsPerDimension: 65535,
};

function deviceOf(
  limits: Partial<typeof LIMITS> = {},
  features: string[] = [],
): Pick<GPUDevice, "limits" | "features"> {
  return {
    limits: { ...LIMITS, ...limits } as unknown as GPUSupportedLimits,
    features: new Set(features) as unknown as GPUSupportedFeatures,
  };
}

function plan(
  request: Partial<KernelRequest>,
  limits?: Partial<typeof LIMITS>,
  features?: string[],
) {
  const whole = { ...REQUEST, ...request };
  return planChunkwise(
    whole,
    deviceOf(limits, features),
    webGpuNumbers("integrated", undefined)(whole).chunkwise,
  );
}

function assertRefused(answer: ReturnType<typeof plan>, why: string): void {
  assert("refusal" in answer, `planned: ${JSON.stringify(answer)}`);
  assert(answer.refusal.includes(why), answer.refusal);
  if (why.startsWith("max")) assertEquals(answer.lacks, why);
}

Deno.test("planChunkwise() says how many launches, and what they need", () => {
  const state = 4 * 64 * 68 + 16; // a column of ones, padded to whole vec4s
  assertEquals(plan({}), {
    chunkSize: 64,
    scratchBytes: 4 * 2 * 16 * state,
    how: "webgpu, 3 launches",
  });
  assertEquals(plan({ causal: true }), {
    chunkSize: 64,
    scratchBytes: 4 * 16 * state,
    how: "webgpu, 3 launches",
  });
  // Of two chunks the states need not travel.
  assertEquals(plan({ length: 2 * 64 }), {
    chunkSize: 64,
    scratchBytes: 4 * 2 * 2 * state,
    how: "webgpu, 2 launches",
  });
  assertEquals(plan({ length: 50 }), {
    chunkSize: 50,
    scratchBytes: 0,
    how: "webgpu, 1 launch",
  });
  // Columns that are no whole vec4s are copied to some, and so are halves.
  assertEquals(plan({ valueDim: 63, length: 50 }), {
    chunkSize: 50,
    scratchBytes: 4 * 50 * 64 * 4,
    how: "webgpu, 2 launches",
  });
  assertEquals(plan({ precision: "f16", length: 50 }, {}, ["shader-f16"]), {
    chunkSize: 50,
    scratchBytes: 4 * 50 * 3 * 64 * 2,
    how: "webgpu, 4 launches",
  });
  // Without a mask there is one state, and a chunk costs nothing else.
  assertEquals(plan({ decays: false, length: 100 }), {
    chunkSize: 100,
    scratchBytes: 4 * state,
    how: "webgpu, 2 launches",
  });
});

Deno.test("planChunkwise() takes chunks no longer than asked for", () => {
  const sizes = [1, 20, 64, 4096].map((chunkSize) => plan({ chunkSize }));
  for (const [i, most] of [1, 20, 64, 4096].entries()) {
    const answer = sizes[i]!;
    assert("chunkSize" in answer && answer.chunkSize! <= most);
  }
});

Deno.test("planChunkwise() lengthens chunks until the states fit in a buffer", () => {
  const answer = plan({ heads: 1, length: 2 ** 18 });
  assert("chunkSize" in answer);
  assertEquals(answer.chunkSize, 128);
  assert(answer.scratchBytes <= LIMITS.maxStorageBufferBindingSize);
});

Deno.test("planChunkwise() passes over the heads one after another where they do not fit together", () => {
  const answer = plan({ heads: 16, length: 8192, chunkSize: 16 });
  assert("how" in answer);
  assertEquals(answer.how, "webgpu, 9 launches");
  assert(answer.scratchBytes <= LIMITS.maxStorageBufferBindingSize);
});

Deno.test("planChunkwise() refuses what the device cannot hold, in words", () => {
  assertRefused(plan({ headDim: 129 }), "headDim is 129");
  assertRefused(plan({ valueDim: 200 }), "valueDim is 200");
  assertRefused(plan({ precision: "f16" }), "shader-f16");
  assert("how" in plan({ precision: "f16" }, {}, ["shader-f16"]));
  assertRefused(
    plan({}, { maxStorageBuffersPerShaderStage: 7 }),
    "maxStorageBuffersPerShaderStage",
  );
  assertRefused(
    plan({}, { maxComputeWorkgroupStorageSize: 1024 }),
    "maxComputeWorkgroupStorageSize",
  );
  assertRefused(
    plan({ heads: 1, length: 2 ** 18, chunkSize: 8 }),
    "maxStorageBufferBindingSize",
  );
  assertRefused(
    plan({ heads: 1, length: 70_000, headDim: 1, valueDim: 1, chunkSize: 1 }),
    "maxComputeWorkgroupsPerDimension",
  );
  assertRefused(
    plan({ heads: 1, length: 2 ** 19, valueDim: 64, headDim: 1 }),
    "gradients of the sums",
  );
});

Deno.test("planFull() has tiles of the rows of a workgroup at most, and a launch more with decays", () => {
  const full = (request: Partial<KernelRequest>) =>
    planFull({ ...REQUEST, ...request }, deviceOf({}, ["shader-f16"]), 64);
  // Of a token four factors and a row of its tile's mask; of a tile two sums.
  const scratchBytes = 4 * 4 * (1024 * (4 + 64) + 2 * 16);
  const how = "webgpu, 2 launches";
  assertEquals(full({}), { chunkSize: 64, scratchBytes, how });
  assertEquals(full({ decays: false }), {
    chunkSize: 64,
    scratchBytes: 0,
    how: "webgpu, 1 launch",
  });
  // Without decays a causal mask is a mask all the same.
  assertEquals(full({ decays: false, causal: true }), {
    chunkSize: 64,
    scratchBytes,
    how,
  });
  assertEquals(full({ decays: false, precision: "f16" }), {
    chunkSize: 64,
    scratchBytes: 4 * 1024 * 3 * 64 * 2,
    how: "webgpu, 4 launches",
  });
  for (const [wanted, chunkSize] of [[1, 1], [24, 24], [1000, 64]] as const) {
    const answer = full({ chunkSize: wanted });
    assert("chunkSize" in answer);
    assertEquals(answer.chunkSize, chunkSize);
  }
});

Deno.test("planFull() refuses what the device cannot hold, in words", () => {
  const full = (
    request: Partial<KernelRequest>,
    limits?: Partial<typeof LIMITS>,
  ) => planFull({ ...REQUEST, ...request }, deviceOf(limits), 64);
  assertRefused(full({ headDim: 129 }), "headDim is 129");
  assertRefused(full({ precision: "f16" }), "shader-f16");
  assertRefused(
    full({}, { maxStorageBuffersPerShaderStage: 7 }),
    "maxStorageBuffersPerShaderStage",
  );
  assertRefused(
    full({ heads: 1, length: 70_000, headDim: 1, valueDim: 1, chunkSize: 1 }),
    "maxComputeWorkgroupsPerDimension",
  );
  assertRefused(
    full({ heads: 1, length: 2 ** 19, valueDim: 64, headDim: 1 }),
    "gradients of the sums",
  );
  assertRefused(
    full({ heads: 1, length: 2 ** 19 + 1, headDim: 1, valueDim: 1 }),
    "masks of a sequence's tiles",
  );
});

Deno.test("planDiagonal() says how many launches, and what they need", () => {
  const plan = (
    request: Partial<KernelRequest>,
    limits?: Partial<typeof LIMITS>,
  ) =>
    planDiagonal(
      { ...REQUEST, diagonal: true, ...request },
      deviceOf(limits),
      32,
    );
  const state = 4 * 64 * 68;
  // Of each token and direction a query and a key, the decays, and 32 scores.
  const perToken = 4 * (3 * 64 + 32);
  // What passes a chunk and its blocks pays, and the state that comes to it.
  const perChunk = 4 * (1 + 8) * 64 + state;
  assertEquals(plan({}), {
    chunkSize: 32,
    scratchBytes: 4 * 2 * (1024 * perToken + 32 * perChunk),
    how: "webgpu, 9 launches",
  });
  // A chunk alone has no states.
  assertEquals(plan({ length: 16, causal: true }), {
    chunkSize: 16,
    scratchBytes: 4 * (16 * 4 * (3 * 64 + 16) + 4 * (1 + 4) * 64),
    how: "webgpu, 4 launches",
  });
  const piece = plan({ length: 16, states: true });
  assert("how" in piece && piece.how === "webgpu, 9 launches");
  const long = plan({ chunkSize: 4096 });
  assert("chunkSize" in long && long.chunkSize === 256);
  // The largest buffer has the queries, the keys and those decays.
  const ofSequence = 32 * 2 * 4 * (2 * 32 + 1 + 8) * 64;
  const twoPasses = plan({}, { maxStorageBufferBindingSize: 2 * ofSequence });
  assert("how" in twoPasses && twoPasses.how === "webgpu, 16 launches");
  assertRefused(plan({ precision: "f16" }), "32 bits");
  assertRefused(plan({ headDim: 129 }), "headDim is 129");
  assertRefused(
    plan({}, { maxStorageBufferBindingSize: ofSequence - 1 }),
    "what the chunks of a sequence hand on",
  );
});
