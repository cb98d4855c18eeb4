/**
 * Launches our shaders inside TensorFlow.js's own command encoder, so that they
 * run in order with its kernels, read its tensors and free them as it does.
 *
 * It uses private fields of tfjs-backend-webgpu, as do `gpu_backend.ts`, `pipelines.ts` and
 * `backend/launches.ts`, which is why tfjs is pinned to 4.22.0.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import type { Dispatch } from "./arena.ts";
import type { Failures } from "./backend/failures.ts";
import type { Launches } from "./backend/launches.ts";
import { type Bindable, type Compiled, isPart } from "./bind_groups.ts";
import type { GpuBuffers } from "./gpu_buffers.ts";
import { compiledShader } from "./pipelines.ts";
import type { Shader } from "./shader.ts";

/** The part of our backend that launches need. */
export interface LaunchingBackend extends WebGPUBackend {
  readonly buffers: GpuBuffers;
  readonly failures: Pick<Failures, "guard">;
  readonly launches: Launches;
  readonly places: {
    /** Gives a tensor that will be written a buffer of its own. */
    ownBuffer(dataId: object): void;
    /**
     * The resource that a launch binds for a tensor on the device: a part of its
     * buffer, or all.
     */
    resourceOf(dataId: object): Bindable | GPUTexture | GPUExternalTexture;
  };
}

/** Private state of tfjs's backend that a launch must keep up to date. */
interface Recorder {
  /** Timers of `tf.time` and `tf.profile`, while one runs. */
  activeTimers?: { name: string; query: Promise<number> }[] | null;
  supportTimestampQuery: boolean;
  querySet?: GPUQuerySet | null;
  querySetCount: number;
  commandEncoder: GPUCommandEncoder;
  computePassEncoder?: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  /** Tensors used by commands that are not submitted yet: they outlive their disposal until then. */
  commandQueueOwnedIds: WeakSet<object>;
  uniformPendingDisposal: GPUBuffer[];
  /** Records the launch of a program of tfjs's, all of whose tensors have buffers. */
  recordAndSubmit: (
    program: StockProgram,
    output: tf.TensorInfo,
    inputs: readonly tf.TensorInfo[],
    uniforms?: readonly StockUniform[] | null,
  ) => void;
}

/** The fields of a compiled program of tfjs's that a launch uses. */
export interface StockProgram {
  readonly pipeline: GPUComputePipeline | Promise<GPUComputePipeline>;
  readonly dispatch: readonly [number, number, number];
  readonly outputShape: number[];
  readonly outputComponent?: number;
  readonly size?: boolean;
  readonly pixelsOpType?: number | null;
}

/** A uniform of a program of tfjs's, with its numbers. */
export interface StockUniform {
  readonly type: string;
  readonly data: ArrayLike<number>;
}

/** A binding: all values of a tensor, or a buffer that several tensors have parts of. */
export type Bound = tf.TensorInfo | GPUBuffer;

/**
 * Launches a shader.
 *
 * @param shader The shader.
 * @param bound One tensor per binding, including those that are written, or a buffer.
 * @param uniforms The uniform buffer.
 * @throws {RangeError} If there are more workgroups than the device can dispatch.
 * @throws {GpuError} If the device is lost.
 */
export function launch(
  backend: LaunchingBackend,
  shader: Shader,
  bound: readonly Bound[],
  uniforms: ArrayBuffer,
): void {
  assertDispatch(shader, backend.launches.mostWorkgroups);
  backend.failures.guard(() => record(backend, shader, bound, uniforms));
}

function record(
  backend: LaunchingBackend,
  { key, bindings, dispatch, code }: Shader,
  bound: readonly Bound[],
  uniforms: ArrayBuffer,
): void {
  if (backend.launches.pipelineCollector) {
    for (const one of bound) {
      if (one instanceof GPUBuffer) continue;
      backend.uploadToGPU(one.dataId as { id: number });
    }
    return backend.launches.pipelineCollector.askFor({ key, bindings, code });
  }
  const compiled = compiledShader({ key, bindings, code }, backend.device);
  const buffers: Bindable[] = [];
  for (const [i, one] of bound.entries()) {
    if (one instanceof GPUBuffer) {
      buffers.push(one);
      continue;
    }
    const { dataId } = one;
    // Gives each tensor a buffer, with its values or unwritten.
    backend.uploadToGPU(dataId as { id: number });
    if (bindings[i]?.access === "read_write") backend.places.ownBuffer(dataId);
    buffers.push(backend.places.resourceOf(dataId) as Bindable);
  }
  buffers.push(uniformOf(backend, new Uint16Array(uniforms)));
  const group = backend.launches.bindGroups.groupOf(compiled, buffers, key);
  recordDispatch(backend, compiled.pipeline, group, dispatch, key);
}

/**
 * Makes a backend record the launches of tfjs's own programs as ours, which make a bind
 * group, the layout of one and a uniform buffer only once.
 */
export function recordStockPrograms(backend: LaunchingBackend): void {
  const recorder = backend as unknown as Recorder;
  recorder.recordAndSubmit = (program, output, inputs, uniforms) => {
    const { pipeline, dispatch, pixelsOpType } = program;
    if (pipeline instanceof Promise) {
      throw new Error(
        "A pipeline should be compiled before it is launched; await " +
          "tf.backend().checkCompileCompletionAsync()",
      );
    }
    backend.places.ownBuffer(output.dataId);
    const tensors = [output, ...inputs];
    const resources = tensors.map(({ dataId }) =>
      backend.places.resourceOf(dataId)
    );
    const uniform = uniformOf(
      backend,
      packStockUniforms(program, output, inputs, uniforms ?? []),
    );
    const compiled = compiledStock(pipeline);
    const label = program.constructor.name;
    let group: GPUBindGroup;
    if (resources.every(isBindable)) {
      const buffers = [...resources, uniform];
      group = backend.launches.bindGroups.groupOf(compiled, buffers, label);
    } else {
      // A texture is of one picture, and outlives its tensor until the submission.
      for (const { dataId } of tensors) {
        recorder.commandQueueOwnedIds.add(dataId);
      }
      backend.launches.countBindGroup();
      const bound = resources.map((resource) =>
        resource instanceof GPUBuffer
          ? { buffer: resource }
          : isPart(resource)
          ? resource
          : resource instanceof GPUTexture
          ? resource.createView()
          : resource
      );
      const entries = [...bound, { buffer: uniform }]
        .map((resource, binding) => ({ binding, resource }));
      const { layout } = compiled;
      group = backend.device.createBindGroup({ label, layout, entries });
    }
    // A canvas's texture and a video's picture end with the host's task.
    const mustSubmit = pixelsOpType === DRAW ||
      !resources.every((resource) =>
        isBindable(resource) || resource instanceof GPUTexture
      );
    recordDispatch(backend, pipeline, group, dispatch, label, mustSubmit);
  };
}

/** Whether a resource is a buffer, or a part of one. */
function isBindable(resource: object): resource is Bindable {
  return resource instanceof GPUBuffer || isPart(resource);
}

/** The number of tfjs's kind of programs that draw on a canvas. */
const DRAW = 1;

const stock = new WeakMap<GPUComputePipeline, Compiled>();

/** A pipeline of tfjs's, with its layout. */
function compiledStock(pipeline: GPUComputePipeline): Compiled {
  let compiled = stock.get(pipeline);
  if (!compiled) {
    compiled = { pipeline, layout: pipeline.getBindGroupLayout(0) };
    stock.set(pipeline, compiled);
  }
  return compiled;
}

/** Words for the uniforms of a program of tfjs's. */
let floats = new Float32Array(1024);
let integers = new Int32Array(floats.buffer);

/** Doubles the words: a device that binds a thousand tensors concatenates as many at once. */
function doubleWords(): void {
  const before = integers;
  floats = new Float32Array(2 * before.length);
  integers = new Int32Array(floats.buffer);
  integers.set(before);
}

/**
 * The uniforms of a program of tfjs's, laid out as its struct is: NaN, infinity, the
 * shapes and strides of inputs and output, the size, and the program's own numbers.
 * The next call overwrites them.
 */
export function packStockUniforms(
  program: StockProgram,
  output: tf.TensorInfo,
  inputs: readonly tf.TensorInfo[],
  own: readonly StockUniform[],
): Uint16Array<ArrayBuffer> {
  integers.fill(0);
  let end = 0, before = 0, widest = 1;
  const put = (numbers: ArrayLike<number>, isFloat: boolean) => {
    // A vector of no numbers has one, which is 1.
    const count = numbers.length || 1;
    // Structs of five or six numbers begin on vectors of four, and end before one.
    const width = count > 2 || before > 4 ? 4 : count;
    widest = Math.max(widest, width);
    end = Math.ceil(end / width) * width;
    // The end is rounded up by at most three words.
    while (end + count + 3 > integers.length) doubleWords();
    const words = isFloat ? floats : integers;
    if (numbers.length === 0) words[end] = 1;
    else words.set(numbers, end);
    end += count;
    before = count;
  };
  const { size, outputComponent = 1, outputShape, pixelsOpType } = program;
  if (pixelsOpType == null) {
    put([NaN], true);
    put([Infinity], true);
    for (const { shape } of [...inputs, output]) {
      put(shape, false);
      put(tf.util.computeStrides(shape), false);
    }
  } else put(tf.util.computeStrides(output.shape), false);
  if (size) put([tf.util.sizeFromShape(outputShape) / outputComponent], false);
  for (const { type, data } of own) {
    put(data, type !== "int32" && type !== "uint32");
  }
  const words = Math.ceil(end / widest) * widest;
  return new Uint16Array(floats.buffer, 0, 2 * words);
}

/** A buffer of these uniforms, which no launch with others writes before its submission. */
function uniformOf(
  backend: LaunchingBackend,
  content: Uint16Array<ArrayBuffer>,
): GPUBuffer {
  const held = backend.launches.uniforms.bufferOf(content);
  if (held) return held;
  const recorder = backend as unknown as Recorder;
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM;
  const buffer = backend.buffers.acquireIdle(content.byteLength, usage);
  backend.device.queue.writeBuffer(buffer, 0, content);
  if (!backend.launches.capture) recorder.uniformPendingDisposal.push(buffer);
  return buffer;
}

/** Records a dispatch, and submits the commands if there are enough. */
function recordDispatch(
  backend: LaunchingBackend,
  pipeline: GPUComputePipeline,
  group: GPUBindGroup,
  [x, y, z]: readonly [number, number, number],
  name: string,
  mustSubmit = false,
): void {
  backend.launches.countLaunch();
  backend.launches.capture?.dispatches.push({
    ...{ pipeline, group, workgroups: [x, y, z] },
  });
  const recorder = backend as unknown as Recorder;
  const timed = recorder.activeTimers != null;
  const pass = beginPass(backend, recorder, timed);
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(x, y, z);
  backend.buffers.commandsWait = true;
  recorder.dispatchCountInPass++;
  if (timed) {
    backend.endComputePassEncoder();
    const query = backend.getQueryTime();
    recorder.activeTimers!.push({ name, query });
  } else if (
    mustSubmit ||
    recorder.dispatchCountInPass >=
      tf.env().getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE")
  ) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
}

/** Records launches that were captured, in one pass, without a submission in between. */
export function repeatDispatches(
  backend: LaunchingBackend,
  dispatches: readonly Dispatch[],
): void {
  const pass = beginPass(backend, backend as unknown as Recorder, false);
  for (const { pipeline, group, workgroups: [x, y, z] } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y, z);
  }
  backend.launches.count += dispatches.length;
  backend.buffers.commandsWait = true;
}

/**
 * Copies a buffer, or a part of one, to another, after the commands that wait.
 *
 * @param backend The backend of both.
 * @param from What is read.
 * @param to Another one; if it is smaller, the beginning is copied.
 */
export function recordCopy(
  backend: LaunchingBackend,
  from: Bindable,
  to: Bindable,
): void {
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  const { commandEncoder } = backend as unknown as Recorder;
  const size = Math.min(from.size, to.size);
  const [source, start] = isPart(from) ? [from.buffer, from.offset] : [from, 0];
  const [target, place] = isPart(to) ? [to.buffer, to.offset] : [to, 0];
  commandEncoder.copyBufferToBuffer(source, start, target, place, size);
  if (backend.launches.capture) backend.launches.capture.isSpoilt = true;
  backend.buffers.commandsWait = true;
}

function assertDispatch({ key, dispatch }: Shader, limit: number): void {
  if (dispatch.every((count) => count <= limit)) return;
  throw new RangeError(
    `Shader ${key} should dispatch at most ${limit} workgroups along an axis ` +
      `(maxComputeWorkgroupsPerDimension), got [${dispatch.join(", ")}]; ` +
      `use larger chunks or smaller batches`,
  );
}

/** The open pass, or a separate one for a launch that is timed. */
function beginPass(
  backend: LaunchingBackend,
  recorder: Recorder,
  timed: boolean,
): GPUComputePassEncoder {
  backend.ensureCommandEncoderReady();
  if (timed && recorder.supportTimestampQuery) {
    backend.endComputePassEncoder();
    recorder.querySet ??= backend.device.createQuerySet({
      type: "timestamp",
      count: recorder.querySetCount,
    });
    recorder.computePassEncoder = recorder.commandEncoder.beginComputePass({
      timestampWrites: {
        querySet: recorder.querySet,
        beginningOfPassWriteIndex: 0,
        endOfPassWriteIndex: 1,
      },
    });
  }
  recorder.computePassEncoder ??= recorder.commandEncoder.beginComputePass();
  return recorder.computePassEncoder;
}
