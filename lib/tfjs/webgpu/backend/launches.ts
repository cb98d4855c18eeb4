/** The launches of shaders, with their bind groups and uniforms, and their capture. @module */
import { Arena, type Capture } from "../arena.ts";
import { BindGroups } from "../bind_groups.ts";
import type { GpuBuffers } from "../gpu_buffers.ts";
import { HeldValues } from "../held_values.ts";
import { AskedPipelines } from "../pipelines.ts";

/**
 * wgpu frees a bind group only when its JavaScript object is collected, and
 * Mesa's software driver maps a page for each. Linux allows a process 65,530
 * maps: after as many bind groups without a full collection, the next one ends
 * the process with a segmentation fault. So on software adapters one is forced
 * after this many, whose launches take seconds there.
 */
const BIND_GROUPS_BETWEEN_COLLECTIONS = 16_384;

/** The part of our backend that launches need, with private fields of tfjs's. */
interface SubmittingBackend {
  device: GPUDevice;
  readonly buffers: GpuBuffers;
  readonly launches: Launches;
  readonly tensorMap: {
    has(dataId: object): boolean;
    get(dataId: object): { resource?: unknown; readonly values?: unknown };
  };
  /** Timers of `tf.time` and `tf.profile`, while one runs. */
  readonly activeTimers?: unknown;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** The launches of a device. */
export class Launches {
  /** How many launches there were. */
  count = 0;
  /** The bind groups of launches. */
  readonly bindGroups: BindGroups;
  /** The uniform buffers of launches. */
  readonly uniforms: HeldValues;
  /** The buffers of captured launches. */
  readonly arena: Arena;
  /** The capture that launches are added to, if there is one. */
  capture: Capture | undefined;
  /** Set while shaders are only compiled: it collects pipelines, and nothing is launched. */
  pipelineCollector: AskedPipelines | undefined;
  /** Grows whenever buffers may have become invalid. */
  generation = 0;
  readonly #backend: SubmittingBackend;
  readonly #collectGarbage: (() => void) | undefined;
  #limits: GPUSupportedLimits | undefined;
  #mostWorkgroups = 0;
  #mostBuffers = 0;
  /** The number of submissions when launches were last repeated. */
  #repeatedAt = -1;
  #boundGroups = 0;

  /**
   * @param backend The backend, whose pool of buffers is there already.
   * @param device Its device.
   * @param collectGarbage Forces a full garbage collection; given only where it has to be.
   */
  constructor(
    backend: object,
    device: GPUDevice,
    collectGarbage: (() => void) | undefined,
  ) {
    // Some members of a `SubmittingBackend` are private to tfjs's class.
    this.#backend = backend as SubmittingBackend;
    const { buffers } = this.#backend;
    this.#collectGarbage = collectGarbage;
    this.bindGroups = new BindGroups(device, () => this.countBindGroup());
    this.arena = new Arena(buffers);
    this.uniforms = new HeldValues(
      device.queue,
      buffers,
      GPUBufferUsage.UNIFORM,
      () => this.count,
    );
  }

  /** Forgets all that may be invalid since something failed. */
  condemn(): void {
    this.uniforms.clear();
    this.bindGroups.clear();
    this.generation++;
    this.arena.clear();
  }

  /** Whether launches are being timed. */
  get areTimed(): boolean {
    return this.#backend.activeTimers != null;
  }

  /** Runs kernels that launch nothing, and returns the pipelines that they ask for. */
  collectPipelines(run: () => void): AskedPipelines {
    return AskedPipelines.of(this.#backend, run);
  }

  /** Submits the commands that wait, if there are any. */
  submitWaiting(): void {
    const backend = this.#backend;
    if (!backend.buffers.commandsWait) return;
    backend.endComputePassEncoder();
    backend.submitQueue();
  }

  /** Submits what waits if launches were repeated since the last submission. */
  submitBeforeRepeating(): void {
    const backend = this.#backend;
    if (backend.buffers.submissions === this.#repeatedAt) {
      backend.endComputePassEncoder();
      backend.submitQueue();
    }
    this.#repeatedAt = backend.buffers.submissions;
  }

  /** The most workgroups that the device dispatches along an axis. */
  get mostWorkgroups(): number {
    this.#askForLimits();
    return this.#mostWorkgroups;
  }

  /** The most storage buffers that a launch on the device binds. */
  get mostBuffers(): number {
    this.#askForLimits();
    return this.#mostBuffers;
  }

  /** The host would be asked for a limit each time. */
  #askForLimits(): void {
    const { limits } = this.#backend.device;
    if (limits === this.#limits) return;
    this.#limits = limits;
    this.#mostWorkgroups = limits.maxComputeWorkgroupsPerDimension;
    this.#mostBuffers = limits.maxStorageBuffersPerShaderStage;
  }

  /** Must be called before each launch. */
  countLaunch(): void {
    this.count++;
  }

  /** Must be called before a bind group is made. */
  countBindGroup(): void {
    if (++this.#boundGroups % BIND_GROUPS_BETWEEN_COLLECTIONS === 0) {
      this.#collectGarbage?.();
    }
  }
}
