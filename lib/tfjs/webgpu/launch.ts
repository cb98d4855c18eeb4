/**
 * Launches our shaders inside TensorFlow.js's own command encoder, so that they
 * run in order with its kernels, read its tensors and free them as it does.
 *
 * This is the only file that touches private fields of tfjs-backend-webgpu,
 * which is why tfjs is pinned to 4.22.0.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import type { Shader } from "./shader.ts";

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
}

const pipelines = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

/**
 * Launches a shader.
 *
 * @param backend The backend of the tensors.
 * @param shader The shader.
 * @param tensors One tensor per binding, including those that are written.
 * @param uniforms The uniform buffer.
 * @throws {RangeError} If there are more workgroups than the device can dispatch.
 * @throws {GpuError} If the device is lost.
 */
export function launch(
  backend: StrictWebGPUBackend,
  shader: Shader,
  tensors: readonly tf.TensorInfo[],
  uniforms: ArrayBuffer,
): void {
  assertDispatch(shader, backend.device);
  backend.countLaunch();
  backend.guard(() => record(backend, shader, tensors, uniforms));
}

function record(
  backend: StrictWebGPUBackend,
  shader: Shader,
  tensors: readonly tf.TensorInfo[],
  uniforms: ArrayBuffer,
): void {
  const recorder = backend as unknown as Recorder;
  const pipeline = pipelineOf(shader, backend.device);
  // Gives each tensor a buffer, with its values or unwritten.
  tensors.forEach(({ dataId }) =>
    backend.uploadToGPU(dataId as { id: number })
  );
  const buffers = tensors.map(({ dataId }) =>
    backend.tensorMap.get(dataId).resource as GPUBuffer
  );
  const uniform = backend.bufferManager.acquireBuffer(
    uniforms.byteLength,
    GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM,
  );
  backend.device.queue.writeBuffer(uniform, 0, uniforms);
  recorder.uniformPendingDisposal.push(uniform);
  const bindGroup = backend.device.createBindGroup({
    label: shader.key,
    layout: pipeline.getBindGroupLayout(0),
    entries: [...buffers, uniform].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    })),
  });

  const timed = recorder.activeTimers != null;
  const pass = beginPass(backend, recorder, timed);
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...shader.dispatch);
  tensors.forEach(({ dataId }) => recorder.commandQueueOwnedIds.add(dataId));
  recorder.dispatchCountInPass++;

  const batch = tf.env().getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE");
  if (timed) {
    backend.endComputePassEncoder();
    const query = backend.getQueryTime();
    recorder.activeTimers!.push({ name: shader.key, query });
  } else if (recorder.dispatchCountInPass >= batch) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
}

function assertDispatch({ key, dispatch }: Shader, device: GPUDevice): void {
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  if (dispatch.every((count) => count <= limit)) return;
  throw new RangeError(
    `Shader ${key} should dispatch at most ${limit} workgroups along an axis ` +
      `(maxComputeWorkgroupsPerDimension), got [${dispatch.join(", ")}]; ` +
      `use larger chunks or smaller batches`,
  );
}

function pipelineOf(shader: Shader, device: GPUDevice): GPUComputePipeline {
  const ofDevice = pipelines.get(device) ?? new Map();
  pipelines.set(device, ofDevice);
  const { key, bindings } = shader;
  const known = ofDevice.get(key);
  if (known) return known;
  // The layout "auto" would omit bindings that the shader's text does not use.
  const types: GPUBufferBindingType[] = [
    ...bindings.map(({ access }) =>
      access === "read" ? "read-only-storage" : "storage"
    ),
    "uniform",
  ];
  const layout = device.createBindGroupLayout({
    label: key,
    entries: types.map((type, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type },
    })),
  });
  const pipeline = device.createComputePipeline({
    label: key,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: {
      module: device.createShaderModule({ label: key, code: shader.code() }),
      entryPoint: "main",
    },
  });
  ofDevice.set(key, pipeline);
  return pipeline;
}

/** The open pass, or a separate one for a launch that is timed. */
function beginPass(
  backend: StrictWebGPUBackend,
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
