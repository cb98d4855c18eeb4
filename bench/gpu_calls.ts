/** How often WebGPU is called, whoever implements it. @module */

/** The calls that are counted, by what they are here: a type's methods. */
const CALLS = {
  launches: ["GPUComputePassEncoder", "dispatchWorkgroups"],
  submissions: ["GPUQueue", "submit"],
  passes: ["GPUCommandEncoder", "beginComputePass"],
  copies: ["GPUCommandEncoder", "copyBufferToBuffer"],
  bindGroups: ["GPUDevice", "createBindGroup"],
  layouts: ["GPUComputePipeline", "getBindGroupLayout"],
  writes: ["GPUQueue", "writeBuffer"],
  buffersCreated: ["GPUDevice", "createBuffer"],
  buffersDestroyed: ["GPUBuffer", "destroy"],
  pipelines: [
    "GPUDevice",
    "createComputePipeline",
    "createComputePipelineAsync",
  ],
} as const;

/** How often each was called. */
export type GpuCalls = Record<keyof typeof CALLS, number>;

/** Counts calls of WebGPU, until it is stopped. */
export class GpuCallCounter {
  readonly #counts = noCalls();
  readonly #restore: (() => void)[] = [];

  /** Begins to count. */
  constructor() {
    for (const name of Object.keys(CALLS) as (keyof GpuCalls)[]) {
      const [type, ...methods] = CALLS[name];
      const { prototype } = (globalThis as unknown as Record<
        string,
        { prototype: Record<string, (...args: unknown[]) => unknown> }
      >)[type]!;
      const counts = this.#counts;
      for (const method of methods) {
        const call = prototype[method];
        if (!call) continue;
        prototype[method] = function (...args: unknown[]) {
          counts[name]++;
          return call.apply(this, args);
        };
        this.#restore.push(() => prototype[method] = call);
      }
    }
  }

  /** The calls since the last time. */
  take(): GpuCalls {
    const taken = { ...this.#counts };
    Object.assign(this.#counts, noCalls());
    return taken;
  }

  /** Stops counting. */
  stop(): void {
    for (const restore of this.#restore) restore();
  }
}

function noCalls(): GpuCalls {
  const entries = Object.keys(CALLS).map((name) => [name, 0]);
  return Object.fromEntries(entries) as GpuCalls;
}
