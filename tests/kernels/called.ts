/** Which kernels a function calls. @module */
import * as tf from "@tensorflow/tfjs-core";

/** The names of the kernels of ours that it calls, in order. */
export async function kernelsCalled(
  run: () => unknown,
): Promise<readonly string[]> {
  const engine = tf.engine(), { runKernel } = engine;
  const called: string[] = [];
  engine.runKernel = (name, ...rest) => {
    if (name.startsWith("Lion")) called.push(name);
    return runKernel.call(engine, name, ...rest) as never;
  };
  try {
    await run();
  } finally {
    engine.runKernel = runKernel;
  }
  return called;
}
