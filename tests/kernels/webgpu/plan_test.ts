import { assert, assertEquals } from "@std/assert";
import type { KernelRequest } from "../../../lib/attention/planning/kernel.ts";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import { planFull } from "../../../lib/kernels/webgpu/full/lion_full.ts";
import { planChunkwise } from "../../../lib/kernels/webgpu/chunkwise/chunkwise.ts";
import { planDiagonal } from "../../../lib/kernels/webgpu/transition/diagonal.ts";

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
  const short = { length: 50 };
  const plans: [ReturnType<typeof plan>, number, number, string][] = [
    [plan({}), 64, 4 * 2 * 16 * state, "3 launches"],
    [plan({ causal: true }), 64, 4 * 16 * state, "3 launches"],
    // Of two chunks the states need not travel.
    [plan({ length: 2 * 64 }), 64, 4 * 2 * 2 * state, "2 launches"],
    [plan(short), 50, 0, "1 launch"],
    // Columns that are no whole vec4s are copied to some, and so are halves.
    [plan({ valueDim: 63, ...short }), 50, 4 * 50 * 64 * 4, "2 launches"],
    [
      plan({ precision: "f16", ...short }, {}, ["shader-f16"]),
      ...[50, 4 * 50 * 3 * 64 * 2, "4 launches"] as const,
    ],
    // Without a mask there is one state, and a chunk costs nothing else.
    [plan({ decays: false, length: 100 }), 100, 4 * state, "2 launches"],
  ];
  for (const [answer, chunkSize, scratchBytes, launches] of plans) {
    const how = `webgpu, ${launches}`;
    assertEquals(answer, { chunkSize, scratchBytes, how });
  }
});

Deno.test("planChunkwise() takes chunks no longer than asked for", () => {
  for (const most of [1, 20, 64, 4096]) {
    const answer = plan({ chunkSize: most });
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

const ONE_HEAD = { heads: 1, headDim: 1, valueDim: 1 };

/** What chunks and tiles both refuse. */
const REFUSED: readonly (readonly [
  request: Partial<KernelRequest>,
  why: string,
  limits?: Partial<typeof LIMITS>,
])[] = [
  [{ headDim: 129 }, "headDim is 129"],
  [{ precision: "f16" }, "shader-f16"],
  [
    ...[{}, "maxStorageBuffersPerShaderStage"] as const,
    { maxStorageBuffersPerShaderStage: 7 },
  ],
  [
    { ...ONE_HEAD, length: 70_000, chunkSize: 1 },
    "maxComputeWorkgroupsPerDimension",
  ],
  [{ ...ONE_HEAD, length: 2 ** 19, valueDim: 64 }, "gradients of the sums"],
];

Deno.test("planChunkwise() refuses what the device cannot hold, in words", () => {
  const workgroup = "maxComputeWorkgroupStorageSize";
  const many = { heads: 1, length: 2 ** 18, chunkSize: 8 };
  for (
    const [request, why, limits] of [
      ...REFUSED,
      [{ valueDim: 200 }, "valueDim is 200"] as const,
      [{}, workgroup, { [workgroup]: 1024 }] as const,
      [many, "maxStorageBufferBindingSize"] as const,
    ]
  ) assertRefused(plan(request, limits), why);
  assert("how" in plan({ precision: "f16" }, {}, ["shader-f16"]));
});

Deno.test("planFull() has tiles of the rows of a workgroup at most, and a launch more with decays", () => {
  const full = (request: Partial<KernelRequest>) =>
    planFull({ ...REQUEST, ...request }, deviceOf({}, ["shader-f16"]), 64);
  // Of a token four factors and a row of its tile's mask; of a tile two sums.
  const masks = 4 * 4 * (1024 * (4 + 64) + 2 * 16);
  const plans: [Partial<KernelRequest>, number, string][] = [
    [{}, masks, "2 launches"],
    [{ decays: false }, 0, "1 launch"],
    // Without decays a causal mask is a mask all the same.
    [{ decays: false, causal: true }, masks, "2 launches"],
    [
      { decays: false, precision: "f16" },
      ...[4 * 1024 * 3 * 64 * 2, "4 launches"] as const,
    ],
  ];
  for (const [request, scratchBytes, launches] of plans) {
    const how = `webgpu, ${launches}`;
    assertEquals(full(request), { chunkSize: 64, scratchBytes, how });
  }
  for (const [wanted, chunkSize] of [[1, 1], [24, 24], [1000, 64]] as const) {
    const answer = full({ chunkSize: wanted });
    assertEquals("chunkSize" in answer && answer.chunkSize, chunkSize);
  }
});

Deno.test("planFull() refuses what the device cannot hold, in words", () => {
  const masks = { ...ONE_HEAD, length: 2 ** 19 + 1 };
  for (
    const [request, why, limits] of [
      ...REFUSED,
      [masks, "masks of a sequence's tiles"] as const,
    ]
  ) {
    const answer = planFull({ ...REQUEST, ...request }, deviceOf(limits), 64);
    assertRefused(answer, why);
  }
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
  // The decays over a chunk and over its blocks, and the state that enters it.
  const perChunk = 4 * (1 + 8) * 64 + state;
  assertEquals(plan({}), {
    chunkSize: 32,
    scratchBytes: 4 * 2 * (1024 * perToken + 32 * perChunk),
    how: "webgpu, 5 launches",
  });
  // A chunk alone has no states.
  assertEquals(plan({ length: 16, causal: true }), {
    chunkSize: 16,
    scratchBytes: 4 * (16 * 4 * (3 * 64 + 16) + 4 * (1 + 4) * 64),
    how: "webgpu, 3 launches",
  });
  // The values of a token with a one after the last, in whole vec4s.
  assertEquals(plan({ length: 16, causal: true, valueDim: 62 }), {
    chunkSize: 16,
    scratchBytes: 4 *
      (16 * (4 * (3 * 64 + 16) + 4 * 64) + 4 * (1 + 4) * 64),
    how: "webgpu, 4 launches",
  });
  const piece = plan({ length: 16, states: true });
  assert("how" in piece && piece.how === "webgpu, 5 launches");
  const long = plan({ chunkSize: 4096 });
  assert("chunkSize" in long && long.chunkSize === 256);
  // The largest buffer has the queries, the keys, and all decays.
  const ofSequence = 32 * 2 * 4 * (3 * 32 + 1 + 8) * 64;
  const twoPasses = plan({}, { maxStorageBufferBindingSize: 2 * ofSequence });
  assert("how" in twoPasses && twoPasses.how === "webgpu, 10 launches");
  assertRefused(plan({ precision: "f16" }), "32 bits");
  assertRefused(plan({ headDim: 129 }), "headDim is 129");
  assertRefused(
    plan({}, { maxStorageBufferBindingSize: ofSequence - 1 }),
    "what the chunks of a sequence hand on",
  );
});
