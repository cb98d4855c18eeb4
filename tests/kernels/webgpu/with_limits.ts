import * as tf from "@tensorflow/tfjs-core";
import { limitsOf } from "../../../lib/tfjs/kernel/limits.ts";

/** Pretends that the device has such limits. */
export async function withLimits<R>(
  limits: Partial<GPUSupportedLimits>,
  body: () => Promise<R>,
): Promise<R> {
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  // Dawn's devices have them as a property of their own.
  const own = Object.getOwnPropertyDescriptor(device, "limits");
  Object.defineProperty(device, "limits", {
    value: { ...limitsOf(device), ...limits },
    configurable: true,
  });
  try {
    return await body();
  } finally {
    delete (device as { limits?: unknown }).limits;
    if (own) Object.defineProperty(device, "limits", own);
  }
}
