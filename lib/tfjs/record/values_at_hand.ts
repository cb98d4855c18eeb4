/** Values of tensors that can be looked at without waiting for a device. @module */
import * as tf from "@tensorflow/tfjs-core";

/** The part of a backend that has values in this program's memory. */
interface HostMemory {
  /** Reads values of the cpu backend, or of the wasm backend from `start` to `end`. */
  readSync(dataId: object, start?: number, end?: number): ArrayLike<number>;
  /** The tensors of the webgpu backend, with their values until these are uploaded. */
  readonly tensorMap?: {
    get(dataId: object): { readonly values?: ArrayLike<number> | null };
  };
}

/**
 * The first values of a tensor, where they are in this program's memory: on
 * `cpu` and `wasm` always, on `webgpu` until a kernel has read the tensor, and
 * on another backend never. Nothing waits for a device.
 *
 * @returns The values, at least those asked for, or `undefined`.
 */
export function valuesAtHand(
  x: tf.Tensor,
  count: number,
): ArrayLike<number> | undefined {
  const current = tf.backend();
  const { tensorInfo } = tf.engine().state;
  // To read a tensor of an earlier backend would move it to the current one.
  if (tensorInfo.get(x.dataId)?.backend !== current) return undefined;
  const backend = current as unknown as HostMemory;
  switch (tf.getBackend()) {
    case "cpu":
      return backend.readSync(x.dataId);
    case "wasm":
      return backend.readSync(x.dataId, 0, Math.min(count, x.size));
    case "webgpu":
      return backend.tensorMap?.get(x.dataId)?.values ?? undefined;
    default:
      return undefined;
  }
}
