/** Sums and means of rows that indices name, as kernels of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { callKernel } from "../../kernel_call.ts";
import { makeOutput } from "../program.ts";
import type { IndexedKernel } from "./indexed_kernel.ts";

/**
 * The kernels `SparseSegmentSum` and `SparseSegmentMean` of floats. The ids of segments
 * say how many there are: where they are on the GPU, they cannot be read.
 */
export function sparseSegments(name: string): IndexedKernel {
  return (webgpu, { inputs }) => {
    const { data, indices, segmentIds } = inputs as Record<
      "data" | "indices" | "segmentIds",
      tf.TensorInfo
    >;
    const rest = data.shape.slice(1);
    if (indices.shape[0] === 0) {
      return makeOutput(webgpu, [0, ...rest], data.dtype);
    }
    const ids = webgpu.readSync(
      segmentIds.dataId as { id: number },
    ) as Int32Array;
    assertOrdered(ids);
    const numSegments = ids.at(-1)! + 1;
    const held: tf.TensorInfo[] = [];
    const run = (kernel: string, named: object, attributes?: object) => {
      const given = named as tf.NamedTensorInfoMap;
      const made = callKernel("webgpu", kernel, webgpu, given, attributes);
      held.push(made);
      return made;
    };
    let result: tf.TensorInfo | undefined;
    try {
      const x = run("GatherV2", { x: data, indices }, {
        axis: 0,
        batchDims: 0,
      });
      result = run("UnsortedSegmentSum", { x, segmentIds }, { numSegments });
      if (name === "SparseSegmentMean") {
        const counts = new Float32Array(numSegments);
        for (const id of ids) counts[id]!++;
        const b = webgpu.makeTensorInfo(
          [numSegments, ...rest.map(() => 1)],
          "float32",
          counts.map((count) => Math.max(count, 1)),
        );
        held.push(b);
        result = run("RealDiv", { a: result, b });
      }
      return result;
    } catch (error) {
      result = undefined;
      throw error;
    } finally {
      for (const made of held) {
        if (made !== result) webgpu.disposeData(made.dataId);
      }
    }
  };
}

/** Throws unless segments are named in order, from 0 on. */
function assertOrdered(ids: Int32Array): void {
  const { backend_util: messages } = tf;
  if (ids[0]! < 0) {
    throw new RangeError(
      messages.getSparseSegmentReductionNegativeSegmentIdsErrorMessage(),
    );
  }
  for (let i = 1; i < ids.length; i++) {
    if (ids[i]! >= ids[i - 1]!) continue;
    throw new RangeError(
      messages.getSparseSegmentReductionNonIncreasingSegmentIdsErrorMessage(),
    );
  }
}
