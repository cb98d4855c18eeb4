/** Keeps buffers that failed out of TensorFlow.js's pool of them. @module */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";

/** The private members of tfjs's pool of buffers. */
interface Pool {
  device: Pick<GPUDevice, "createBuffer">;
  freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesAllocated: number;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
}

/**
 * Watches a pool of buffers: a buffer for which there was no memory, or that is over a
 * limit, is invalid for good, and WebGPU says so only later. So each new buffer is
 * suspect until a read has shown that nothing had failed.
 */
export class GpuBuffers {
  readonly #pool: Pool;
  #suspect = new Set<GPUBuffer>();
  readonly #failed = new WeakSet<GPUBuffer>();

  constructor(manager: WebGPUBackend["bufferManager"]) {
    const pool = this.#pool = manager as unknown as Pool;
    const { device } = pool;
    pool.device = {
      createBuffer: (descriptor) => {
        const buffer = device.createBuffer(descriptor);
        this.#suspect.add(buffer);
        return buffer;
      },
    };
    const release = pool.releaseBuffer.bind(pool);
    pool.releaseBuffer = (buffer, reuse = true) => {
      const kept = reuse && !this.#failed.has(buffer);
      if (!kept) this.#suspect.delete(buffer);
      release(buffer, kept);
    };
  }

  /** Returns a function to call when all that was submitted so far has succeeded. */
  beginCheck(): () => void {
    const checked = [...this.#suspect];
    return () => checked.forEach((buffer) => this.#suspect.delete(buffer));
  }

  /** Destroys the buffers that may be invalid: free ones now, those in use on their release. */
  condemn(): void {
    const pool = this.#pool;
    this.#suspect.forEach((buffer) => this.#failed.add(buffer));
    this.#suspect.clear();
    for (const [key, buffers] of pool.freeBuffers) {
      const sound = buffers.filter((buffer) => !this.#failed.has(buffer));
      for (const buffer of buffers) {
        if (!this.#failed.has(buffer)) continue;
        buffer.destroy();
        pool.numFreeBuffers--;
        pool.numBytesAllocated -= buffer.size;
      }
      pool.freeBuffers.set(key, sound);
    }
  }
}
