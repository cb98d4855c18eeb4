/** Measures how many bytes the current backend has in use. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { runningWasm } from "@lionjs/tfjs/backends";

/** A span of time, and the memory in use during it. */
export interface MemorySpan {
  /** Bytes in use when the span began. */
  readonly bytesBefore: number;
  /** The most bytes in use at once during the span. */
  readonly peakBytes: number;
}

/** The part of tfjs's engine that counts tensors. */
interface CountingEngine {
  readonly state: { readonly numBytes: number };
  trackTensor(...tensor: unknown[]): void;
}

/**
 * Watches the current backend from its construction to {@linkcode stop}: on
 * WebAssembly the memory allocated, with each kernel's scratch; on WebGPU the buffers
 * in use; elsewhere the tensors. Only one watch may exist at a time.
 */
export class MemoryWatch {
  readonly #spans = new Set<{ bytesBefore: number; peakBytes: number }>();
  readonly #current: () => number;
  /** Stops watching. */
  readonly stop: () => void;

  /** Begins to watch. */
  constructor() {
    const { current, stop } = hook((bytes) => this.#note(bytes));
    this.#current = current;
    this.stop = stop;
  }

  /** Begins a span of time; spans may overlap. */
  begin(): MemorySpan {
    const bytes = this.#current();
    const span = { bytesBefore: bytes, peakBytes: bytes };
    this.#spans.add(span);
    return span;
  }

  /** Ends a span, which then no longer changes. */
  end(span: MemorySpan): void {
    this.#spans.delete(span);
  }

  #note(bytes: number): void {
    for (const span of this.#spans) {
      span.peakBytes = Math.max(span.peakBytes, bytes);
    }
  }
}

/** The hook into a backend by which its memory is watched. */
interface Hook {
  /** Bytes in use now. */
  current(): number;
  stop(): void;
}

type Listener = (bytes: number) => void;

function hook(note: Listener): Hook {
  if (tf.getBackend() === "webgpu") return hookBuffers(note);
  return hookHeap(note) ?? hookTensors(note);
}

function hookHeap(note: Listener): Hook | undefined {
  const running = runningWasm();
  if (!running) return undefined;
  const { host, use } = running;
  // Scratch that the host keeps for later jobs counts only while a job uses it.
  const current = () => use.bytes - host.keptBytes;
  use.onGrowth = () => note(current());
  host.onJob = (scratchBytes) => note(current() + scratchBytes);
  return {
    current,
    stop: () => {
      use.onGrowth = host.onJob = undefined;
    },
  };
}

function hookBuffers(note: Listener): Hook {
  const backend = tf.backend() as WebGPUBackend;
  // Uniform buffers of launches are freed once their commands are submitted.
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  const { bufferManager } = backend;
  const { acquireBuffer } = bufferManager;
  bufferManager.acquireBuffer = (...args) => {
    const buffer = acquireBuffer.apply(bufferManager, args);
    note(bufferManager.numBytesUsed);
    return buffer;
  };
  return {
    current: () => bufferManager.numBytesUsed,
    stop: () => {
      bufferManager.acquireBuffer = acquireBuffer;
    },
  };
}

function hookTensors(note: Listener): Hook {
  const engine = tf.engine() as unknown as CountingEngine;
  const { trackTensor } = engine;
  engine.trackTensor = (...tensor) => {
    trackTensor.apply(engine, tensor);
    note(engine.state.numBytes);
  };
  return {
    current: () => engine.state.numBytes,
    stop: () => {
      engine.trackTensor = trackTensor;
    },
  };
}
