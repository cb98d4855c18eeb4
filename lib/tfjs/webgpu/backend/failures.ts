/** Failures of a device, and the tensors that may hold garbage since. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { GpuError, reported } from "../gpu_error.ts";

/** A reference to data that a kernel has taken, or given back. */
interface Taken {
  readonly dataId: object;
  readonly by: 1 | -1;
}

/** Tensors numbered `from` < id <= `to` may hold garbage, because of `error`. */
interface Suspects {
  readonly from: number;
  readonly to: number;
  readonly error: GpuError;
}

/** Functions that are called when something has failed. */
interface Remedies {
  /** Forgets all that may be invalid since. */
  readonly condemn: () => void;
  /** Gives memory back, of which the device has none left. */
  readonly relieve: () => void;
}

/** Data of a tensor, whose numbers grow with each tensor of a backend. */
type DataId = object & { readonly id: number };

/**
 * Turns the failures of a device into exceptions: WebGPU reports them later than the
 * commands that have failed, and results then read as zeros.
 */
export class Failures {
  /** Why the device is gone, or `undefined` while it works. */
  lost: GpuError | undefined;
  readonly #device: GPUDevice;
  readonly #remedies: Remedies;
  /** The number of the newest tensor. */
  #newest = 0;
  /** The number of the newest tensor when a read last began that has ended. */
  #clean = 0;
  /** Errors that the device has reported since a read last ended. */
  #pending: GPUError[] = [];
  readonly #suspects: Suspects[] = [];
  /** When tensors were changed, by the numbers that tensors have. */
  readonly #changedAt = new WeakMap<object, number>();
  /** References that the running kernel has taken and given back. */
  #taken: Taken[] | undefined;

  /** Listens to a device from now on. */
  constructor(device: GPUDevice, remedies: Remedies) {
    this.#device = device;
    this.#remedies = remedies;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      // Deno's types have a plain Event here.
      const { error } = event as GPUUncapturedErrorEvent;
      this.#pending.push(error);
      remedies.condemn();
      if (error instanceof GPUOutOfMemoryError) remedies.relieve();
    });
    device.lost.then((info) => {
      this.lost ??= new GpuError(
        `The GPU device was lost (${info.reason}): ${
          info.message || "no reason given"
        }; call useBackend() again and rebuild your tensors`,
      );
    });
  }

  /** Must be called before the device is destroyed. */
  release(): void {
    this.lost ??= new GpuError(
      "The GPU device was released, and its tensors with it; call " +
        "useBackend() and create them again",
    );
  }

  /**
   * Whether the device still computes. A device may be lost for a while before
   * it reports it.
   */
  async answers(): Promise<boolean> {
    if (this.lost) return false;
    try {
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      const buffer = this.#device.createBuffer({ size: 4, usage });
      await buffer.mapAsync(GPUMapMode.READ);
      buffer.destroy();
    } catch {
      return false;
    }
    return !this.lost;
  }

  /** Throws if the device is gone. */
  throwIfLost(): void {
    if (this.lost) throw this.lost;
  }

  /**
   * Runs a function that calls WebGPU; whatever it throws becomes a
   * {@linkcode GpuError}. A lost device rejects commands before it reports the
   * loss.
   */
  guard<Result>(run: () => Result): Result {
    this.throwIfLost();
    try {
      return run();
    } catch (error) {
      throw this.#described(error);
    }
  }

  /** Like {@linkcode Failures.guard}, for a function whose promise may be rejected. */
  async guardAsync<Result>(run: () => Promise<Result>): Promise<Result> {
    this.throwIfLost();
    try {
      return await run();
    } catch (error) {
      await this.#hearOfLoss();
      throw this.#described(error);
    }
  }

  #described(error: unknown): unknown {
    if (this.lost) return this.lost;
    if (!(error instanceof DOMException)) return error;
    return new GpuError(
      `WebGPU refused a command (${error.message}), as it does when the GPU ` +
        "device was lost; call useBackend() again and rebuild your tensors",
      { cause: error },
    );
  }

  /**
   * Waits for the device to report its loss, which comes a little after its
   * first failure.
   */
  async #hearOfLoss(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moment = new Promise((resolve) => timer = setTimeout(resolve, 100));
    await Promise.race([this.#device.lost, moment]);
    clearTimeout(timer);
  }

  /**
   * Runs a kernel; if it fails, gives back the data that it has made, or made more
   * references to, and has not disposed of.
   *
   * @param dispose Gives a reference to data back.
   */
  undoing<Result>(
    dispose: (dataId: object) => void,
    kernel: () => Result,
  ): Result {
    const outer = this.#taken, own: Taken[] = this.#taken = [];
    try {
      const result = kernel();
      outer?.push(...own);
      return result;
    } catch (error) {
      const left = new Map<object, number>();
      for (const { dataId, by } of own) {
        left.set(dataId, (left.get(dataId) ?? 0) + by);
      }
      this.#taken = undefined;
      for (const [dataId, references] of left) {
        for (let i = 0; i < references; i++) dispose(dataId);
      }
      throw error;
    } finally {
      this.#taken = outer;
    }
  }

  /** Must be called for each reference to data that is taken, or given back. */
  countReference(dataId: object, by: 1 | -1): void {
    this.#taken?.push({ dataId, by });
  }

  /** Must be called for each new tensor, so that an error is known to have come after it. */
  made(dataId: DataId): void {
    this.#newest = dataId.id;
  }

  /** Must be called for a tensor that is as new as another one. */
  changed(dataId: object, { id }: DataId): void {
    this.#changedAt.set(dataId, id);
  }

  /** When a tensor was last changed; `undefined` if it is as it was made. */
  changedAt(dataId: object): number | undefined {
    return this.#changedAt.get(dataId);
  }

  /**
   * Reads a tensor; throws if it was computed after something had failed. The errors
   * of all work submitted so far arrive before the read resolves.
   *
   * @param succeed Is called if nothing had failed.
   */
  async checked(
    dataId: DataId,
    read: () => Promise<tf.BackendValues>,
    succeed: () => void,
  ): Promise<tf.BackendValues> {
    const startedAt = this.#newest;
    const outcome = await read().then(
      (values) => ({ values }),
      (error: unknown) => ({ error }),
    );
    if ("error" in outcome) await this.#hearOfLoss();
    this.throwIfLost();
    if (this.#pending.length === 0 && "values" in outcome) succeed();
    if (this.#pending.length > 0) {
      const error = reported(this.#pending);
      this.#suspects.push({ from: this.#clean, to: this.#newest, error });
      this.#pending = [];
      // A host may report a failure before the buffer that failed is known.
      this.#remedies.condemn();
    }
    this.#clean = Math.max(this.#clean, startedAt);
    this.throwIfSuspect(dataId);
    if ("values" in outcome) return outcome.values;
    const { error: cause } = outcome;
    if (cause instanceof GpuError) throw cause;
    throw new GpuError(`Reading a tensor failed: ${cause}`, { cause });
  }

  /** Throws if a tensor was computed after something had failed. */
  throwIfSuspect(dataId: DataId): void {
    const id = this.#changedAt.get(dataId) ?? dataId.id;
    const suspect = this.#suspects.find(({ from, to }) =>
      from < id && id <= to
    );
    if (suspect) throw suspect.error;
  }
}
