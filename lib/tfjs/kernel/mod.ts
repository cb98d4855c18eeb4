/**
 * How an operation finds its kernel and its gradient on each backend.
 *
 * @module
 */
export { assertNumbers, floats, withFloats } from "./floats.ts";
export {
  hasKernel,
  type KernelPlan,
  type Operation,
  planKernel,
  recordKernel,
  type Refusal,
  runKernel,
  warnOfLack,
} from "./kernel.ts";
export {
  heldBytes,
  largestBuffer,
  largestTensorBytes,
  mostBytes,
  tooLarge,
} from "./limits.ts";
export {
  assertNotDisposed,
  assertNotEmpty,
  assertShape,
  type TensorOf,
} from "./shape.ts";
export { computedAgain, isRecording, runAsOne } from "./tape.ts";
export { callKernel, refer, sizeOf } from "../kernel_call.ts";
