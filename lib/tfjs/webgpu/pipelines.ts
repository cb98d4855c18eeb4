/**
 * The pipelines of shaders: each is compiled when it is first launched, unless kernels
 * have run without launching anything, and all that they ask for was compiled at once.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { processors } from "@lionjs/base";
import type { Compiled } from "./bind_groups.ts";
import type { GpuBuffers } from "./gpu_buffers.ts";
import type { Shader } from "./shader.ts";

/** The part of a shader on which its pipeline depends. */
type Text = Pick<Shader, "key" | "bindings" | "code">;

const pipelines = new WeakMap<GPUDevice, Map<string, Compiled>>();

/** The pipelines of our shaders that a device has, by their keys. */
function compiledOn(device: GPUDevice): Map<string, Compiled> {
  let compiled = pipelines.get(device);
  if (!compiled) pipelines.set(device, compiled = new Map());
  return compiled;
}

/** The pipeline of a shader, which is compiled now if it has not been. */
export function compiledShader(text: Text, device: GPUDevice): Compiled {
  const compiled = compiledOn(device);
  const known = compiled.get(text.key);
  if (known) return known;
  const layout = layoutOf(text, device);
  const descriptor = descriptorOf(text, layout, device);
  const own = { pipeline: device.createComputePipeline(descriptor), layout };
  compiled.set(text.key, own);
  return own;
}

const BINDING_TYPES = {
  read: "read-only-storage",
  read_write: "storage",
  uniform: "uniform",
} as const;

/** The layout "auto" would omit bindings that the shader's text does not use. */
function layoutOf(
  { key, bindings }: Text,
  device: GPUDevice,
): GPUBindGroupLayout {
  const types: GPUBufferBindingType[] = [
    ...bindings.map(({ access }) => BINDING_TYPES[access]),
    "uniform",
  ];
  return device.createBindGroupLayout({
    label: key,
    entries: types.map((type, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type },
    })),
  });
}

function descriptorOf(
  { key, code }: Text,
  layout: GPUBindGroupLayout,
  device: GPUDevice,
): GPUComputePipelineDescriptor {
  return {
    label: key,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: {
      module: device.createShaderModule({ label: key, code: code() }),
      entryPoint: "main",
    },
  };
}

/**
 * The part of our backend that pipelines which are asked for need, with private fields
 * of tfjs's.
 */
interface AskedBackend {
  device: GPUDevice;
  readonly buffers: GpuBuffers;
  readonly tensorMap: {
    has(dataId: object): boolean;
    get(dataId: object): { resource?: unknown; readonly values?: unknown };
  };
  readonly launches: {
    /** Set while nothing is launched. */
    pipelineCollector: AskedPipelines | undefined;
  };
}

/** The pipelines of tfjs's programs, by its keys. */
interface StockPipelines {
  readonly pipelineCache: Record<string, unknown>;
}

/** Makes tfjs ask for pipelines without launching them. */
const COMPILE_ONLY = "WEBGPU_ENGINE_COMPILE_ONLY";

/** Milliseconds for which a host that compiles in the calling thread keeps others waiting. */
const MILLISECONDS_BETWEEN_TURNS = 50;

/**
 * Pipelines that are compiled at once, at least; with many processors there are more, so
 * that all have work. Those that wait are not compiled in vain if nobody needs them any
 * more.
 */
const LEAST_AT_ONCE = 8;

/** The pipelines that kernels ask for while nothing is launched. */
export class AskedPipelines {
  readonly #backend: AskedBackend;
  readonly #device: GPUDevice;
  /** Functions that compile a pipeline each, and put it where its launch finds it. */
  readonly #ours = new Map<string, () => Promise<void>>();
  readonly #stock: (() => Promise<void>)[] = [];
  /** A buffer that tensors have while nothing is launched, so that it is never used. */
  readonly #standIn: GPUBuffer;
  readonly #withStandIn: object[] = [];

  private constructor(backend: AskedBackend) {
    this.#backend = backend;
    this.#device = backend.device;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST;
    this.#standIn = backend.buffers.hold(4, usage);
  }

  /**
   * Runs kernels that launch nothing, and whose results have no values. All that was
   * there before stays as it is.
   *
   * @param run Runs kernels, and disposes of their results. Where it fails, it has
   * asked for what came before; who runs it with launches hears of the failure.
   */
  static of(backend: AskedBackend, run: () => void): AskedPipelines {
    const asked = new AskedPipelines(backend);
    const env = tf.env(), before = env.getBool(COMPILE_ONLY);
    const { pipelineCache } = backend as unknown as StockPipelines;
    const stock = new Map<unknown, GPUComputePipelineDescriptor>();
    env.set(COMPILE_ONLY, true);
    backend.device = asked.#deviceOfStock(stock);
    backend.launches.pipelineCollector = asked;
    try {
      run();
    } catch {
      // A run that fails here fails again with launches, and then gives its reason.
    } finally {
      backend.launches.pipelineCollector = undefined;
      backend.device = asked.#device;
      env.set(COMPILE_ONLY, before);
    }
    for (const [key, placeholder] of Object.entries(pipelineCache)) {
      const descriptor = stock.get(placeholder);
      if (!descriptor) continue;
      // A launch that comes before the pipeline is compiled compiles it then.
      delete pipelineCache[key];
      asked.#stock.push(async () => {
        const pipeline = await asked.#compiled(() => withModule(descriptor));
        if (pipeline) pipelineCache[key] ??= pipeline;
      });
    }
    asked.#takeStandInsBack();
    return asked;

    function withModule(
      descriptor: GPUComputePipelineDescriptor,
    ): GPUComputePipelineDescriptor {
      const { compute } = descriptor;
      const text = compute.module as unknown as GPUShaderModuleDescriptor;
      const module = asked.#device.createShaderModule(text);
      return { ...descriptor, compute: { ...compute, module } };
    }
  }

  /** A device with which tfjs compiles its programs, and that only keeps the descriptors. */
  #deviceOfStock(
    stock: Map<unknown, GPUComputePipelineDescriptor>,
  ): GPUDevice {
    const { limits, features } = this.#device;
    const device = {
      ...{ limits, features },
      createShaderModule: (text: GPUShaderModuleDescriptor) => text,
      createComputePipelineAsync: (
        descriptor: GPUComputePipelineDescriptor,
      ) => {
        const placeholder = {};
        stock.set(placeholder, descriptor);
        return placeholder;
      },
    };
    return device as unknown as GPUDevice;
  }

  /** Asks for the pipeline of one of our shaders. */
  askFor({ key, bindings, code }: Text): void {
    const compiled = compiledOn(this.#device);
    if (compiled.has(key) || this.#ours.has(key)) return;
    // Made now, as for a launch.
    const made = code();
    this.#ours.set(key, async () => {
      const text = { key, bindings, code: () => made };
      let layout: GPUBindGroupLayout;
      const pipeline = await this.#compiled(() => {
        layout = layoutOf(text, this.#device);
        return descriptorOf(text, layout, this.#device);
      });
      if (pipeline && !compiled.has(key)) {
        compiled.set(key, { pipeline, layout: layout! });
      }
    });
  }

  /** Gives a tensor what stands in for a buffer. */
  standIn(dataId: object): void {
    this.#backend.buffers.share(this.#standIn);
    this.#backend.tensorMap.get(dataId).resource = this.#standIn;
    this.#withStandIn.push(dataId);
  }

  #hasStandIn(dataId: object): boolean {
    const { tensorMap } = this.#backend;
    return tensorMap.has(dataId) &&
      tensorMap.get(dataId).resource === this.#standIn;
  }

  /** Whether a tensor has no values, since nothing is launched. */
  hasNoValues(dataId: object): boolean {
    return this.#hasStandIn(dataId) &&
      !this.#backend.tensorMap.get(dataId).values;
  }

  /** Takes what stands in for buffers from tensors; those without values should be gone. */
  #takeStandInsBack(): void {
    const { buffers, tensorMap } = this.#backend;
    const left = this.#withStandIn.filter((dataId) => this.#hasStandIn(dataId));
    const areComputed = !left.some((dataId) => this.hasNoValues(dataId));
    for (const dataId of left) {
      tensorMap.get(dataId).resource = null;
      buffers.releaseBuffer(this.#standIn);
    }
    buffers.letGo(this.#standIn);
    if (areComputed) return;
    throw new Error(
      "A tensor that was not computed, since shaders were only compiled, should be disposed of",
    );
  }

  /**
   * Compiles the pipelines that were asked for, many at once; other work of the program goes
   * on. A pipeline that fails is compiled again by its launch, which throws the reason.
   *
   * @param tell Is called with how many of how many are compiled, at first with 0; not
   * at all if there are none.
   * @param signal Ends the compilation, and the calls of `tell`.
   */
  async compile(
    tell: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const all = [...this.#ours.values(), ...this.#stock];
    const left = all.values();
    let done = 0, isOver = false, turn = performance.now();
    if (all.length > 0) tell(done, all.length);
    const isEnded = () => isOver || signal?.aborted;
    const compileNext = async () => {
      for (const compile of left) {
        if (isEnded()) return;
        await compile();
        if (isEnded()) return;
        tell(++done, all.length);
        if (performance.now() - turn < MILLISECONDS_BETWEEN_TURNS) continue;
        await new Promise((resolve) => setTimeout(resolve));
        turn = performance.now();
      }
    };
    const atOnce = Math.max(LEAST_AT_ONCE, 2 * processors());
    const ended = Promise.all(Array.from({ length: atOnce }, compileNext));
    try {
      await Promise.race([ended, this.#device.lost]);
    } finally {
      isOver = true;
    }
  }

  /** Compiles a pipeline; `undefined` if that fails, of which nobody hears here. */
  async #compiled(
    descriptor: () => GPUComputePipelineDescriptor,
  ): Promise<GPUComputePipeline | undefined> {
    const device = this.#device;
    try {
      device.pushErrorScope("validation");
      const compiling = (() => {
        try {
          return device.createComputePipelineAsync(descriptor());
        } finally {
          device.popErrorScope().catch(() => {});
        }
      })();
      return await compiling;
    } catch {
      return undefined;
    }
  }
}
