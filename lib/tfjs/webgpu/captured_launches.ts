/**
 * Launches that are captured while kernels run, and repeated without the kernels.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { type Arena, Capture, type Captured, type Dispatch } from "./arena.ts";
import type { Bindable } from "./bind_groups.ts";
import { bytesOf, tensorUsage } from "./backend/places.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { recordCopy, repeatDispatches } from "./launch.ts";

/** A tensor that a run gets or returns, in a buffer of its own. */
interface Bound extends Omit<tf.TensorInfo, "dataId"> {
  readonly buffer: GPUBuffer;
}

/** A tensor that a captured run reads besides its inputs, and its place at the capture. */
interface Source {
  readonly dataId: object;
  readonly place: Bindable;
}

/** The launches of a run, with the buffers that they use. */
export class CapturedLaunches implements Captured {
  readonly #backend: StrictWebGPUBackend;
  readonly #arena: Arena;
  readonly #generation: number;
  readonly #dispatches: readonly Dispatch[];
  readonly #copies: ReadonlyMap<GPUBuffer, GPUBuffer>;
  readonly #pinned: ReadonlySet<GPUBuffer>;
  readonly #sources: readonly Source[];
  readonly #inputs: readonly Bound[];
  readonly #outputs: readonly Bound[];
  #last: readonly object[] = [];
  #isDisposed = false;
  /** Bytes of the run's inputs and results, and of what the host has written. */
  readonly ownBytes: number;
  /** The most bytes of the arena's buffers that the run had at once. */
  readonly lentBytes: number;
  /** All buffers of the arena's that the run uses. */
  readonly lent: ReadonlySet<GPUBuffer>;

  private constructor(
    backend: StrictWebGPUBackend,
    capture: Capture,
    bound: Record<"inputs" | "outputs", readonly Bound[]>,
    sources: readonly Source[],
  ) {
    this.#backend = backend;
    this.#arena = backend.launches.arena;
    this.#generation = backend.launches.generation;
    this.#dispatches = capture.dispatches;
    this.#copies = capture.copies;
    this.#pinned = capture.pinned;
    this.#sources = sources;
    this.#inputs = bound.inputs;
    this.#outputs = bound.outputs;
    this.lentBytes = capture.lentBytes;
    this.lent = capture.lent;
    const own = new Set([
      ...capture.pinned,
      ...bound.outputs.map(({ buffer }) => buffer),
    ]);
    this.ownBytes = [...own].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Runs a function and captures its launches, unless they are timed.
   *
   * @param sources What the function reads besides its inputs.
   * @param given The inputs.
   * @param run Runs kernels, and returns results that are neither inputs nor sources.
   * @returns The results, and the launches unless something else was recorded between
   * them.
   */
  static of(
    backend: StrictWebGPUBackend,
    sources: readonly tf.TensorInfo[],
    given: readonly tf.TensorInfo[],
    run: (inputs: readonly tf.TensorInfo[]) => tf.TensorInfo[],
  ):
    | { results: tf.TensorInfo[]; launches: CapturedLaunches | undefined }
    | undefined {
    if (backend.failures.lost || backend.launches.areTimed) return undefined;
    const { buffers } = backend;
    for (const { dataId } of sources) upload(backend, dataId);
    const capture = new Capture(backend.launches.arena, buffers);
    const inputs = given.map((info) => {
      const { shape, dtype } = info;
      const own = backend.makeTensorInfo([...shape], dtype);
      const buffer = capture.pin(bytesOf(info), tensorUsage());
      backend.tensorMap.get(own.dataId).resource = buffer;
      return { ...own, buffer };
    });
    putInto(backend, inputs, given);
    let outputs: Bound[] = [];
    buffers.lender = backend.launches.capture = capture;
    try {
      const results = run(inputs);
      outputs = results.map((info) => {
        const { dataId, shape, dtype } = info;
        upload(backend, dataId);
        // Results leave common buffers, of which other tensors have parts, too.
        if (backend.places.partOf(dataId)) backend.places.ownBuffer(dataId);
        const written = placeOf(backend, dataId) as GPUBuffer;
        const buffer = capture.keep(written, bytesOf(info));
        return { shape, dtype, buffer };
      });
      for (const { dataId } of results) backend.disposeData(dataId);
    } finally {
      for (const { dataId } of inputs) backend.disposeData(dataId);
      buffers.lender = backend.launches.capture = undefined;
      if (outputs.length === 0) {
        release(backend, capture.pinned);
        backend.launches.arena.remove();
      }
    }
    const launches = new CapturedLaunches(
      backend,
      capture,
      { inputs, outputs },
      sources.map(({ dataId }) => ({
        dataId,
        place: placeOf(backend, dataId),
      })),
    );
    launches.#copyResults();
    const results = launches.#results();
    backend.launches.arena.add(launches);
    if (!capture.isSpoilt) return { results, launches };
    launches.dispose();
    return { results, launches: undefined };
  }

  /** Whether the run can be repeated: all that it reads is where it was. */
  fits(sources: readonly tf.TensorInfo[]): boolean {
    const backend = this.#backend;
    const { failures: { lost }, launches: { generation } } = backend;
    return !this.#isDisposed && !lost && generation === this.#generation &&
      sources.every(({ dataId }, i) => {
        const { dataId: before, place } = this.#sources[i]!;
        return dataId === before && placeOf(backend, dataId) === place;
      });
  }

  /** Repeats the launches on other inputs. */
  run(given: readonly tf.TensorInfo[]): tf.TensorInfo[] {
    const backend = this.#backend;
    return backend.failures.guard(() => {
      backend.launches.submitBeforeRepeating();
      putInto(backend, this.#inputs, given);
      this.#leaveResults();
      repeatDispatches(backend, this.#dispatches);
      this.#copyResults();
      return this.#results();
    });
  }

  /** Tensors of the launches' results, which keep their values until the launches are repeated. */
  #results(): tf.TensorInfo[] {
    const backend = this.#backend;
    const results = this.#outputs.map(({ shape, dtype, buffer }) => {
      const info = backend.makeTensorInfo([...shape], dtype);
      backend.buffers.share(buffer);
      backend.tensorMap.get(info.dataId).resource = buffer;
      return info;
    });
    this.#last = results.map(({ dataId }) => dataId);
    return results;
  }

  #copyResults(): void {
    for (const [from, to] of this.#copies) recordCopy(this.#backend, from, to);
  }

  /** Gives results of the last run that are still there buffers of their own. */
  #leaveResults(): void {
    const backend = this.#backend;
    for (const dataId of this.#last) {
      if (!backend.tensorMap.has(dataId) || backend.places.partOf(dataId)) {
        continue;
      }
      backend.places.ownBuffer(dataId);
    }
  }

  /** Gives the buffers back. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const { buffers } = this.#backend;
    for (const { buffer } of this.#outputs) buffers.letGo(buffer);
    release(this.#backend, this.#pinned);
    this.#arena.remove(this);
  }
}

/** Copies inputs to where launches read them. */
function putInto(
  backend: StrictWebGPUBackend,
  inputs: readonly Bound[],
  given: readonly tf.TensorInfo[],
): void {
  for (const [i, { dataId }] of given.entries()) {
    upload(backend, dataId);
    recordCopy(backend, placeOf(backend, dataId), inputs[i]!.buffer);
  }
}

function release(
  { buffers }: StrictWebGPUBackend,
  pinned: Iterable<GPUBuffer>,
): void {
  for (const buffer of pinned) buffers.releaseBuffer(buffer);
}

function upload(backend: StrictWebGPUBackend, dataId: object): void {
  backend.uploadToGPU(dataId as { id: number });
}

function placeOf(backend: StrictWebGPUBackend, dataId: object): Bindable {
  return backend.places.resourceOf(dataId) as Bindable;
}

/** Makes a backend able to repeat launches without kernels, for recorded runs. */
export function captureLaunchesOf(backend: StrictWebGPUBackend): void {
  backend.captureLaunches = (sources, given, run) =>
    backend.failures.guard(() =>
      CapturedLaunches.of(backend, sources, given, run)
    );
}
