/** jax-js as a peer, on WebAssembly and on WebGPU. @module */
import type { numpy } from "@jax-js/jax";
import { EPSILON, HEAD_DIM } from "../attention_problem.ts";
import type { AttentionPeer, PreparedPeer } from "./attention_peer.ts";
import { type Jax, jaxScan } from "./jax_scan.ts";

/** The devices of jax-js that are worth a comparison: plain JavaScript takes minutes there. */
export type JaxDevice = "wasm" | "webgpu";

/**
 * Starts jax-js. On WebAssembly it has a thread for each core.
 *
 * @param devices Those to start; it needs not have all of them.
 * @returns A peer for each device that starts.
 * @throws {Error} If the package cannot be loaded, or no device starts.
 */
export async function startJax(
  devices: readonly JaxDevice[],
): Promise<AttentionPeer[]> {
  // Not a literal: Deno would download it for every program that imports this.
  const url = import.meta.resolve("@jax-js/jax");
  const jax: Jax = await import(url);
  const started = await jax.init(...devices);
  const found = devices.filter((device) => started.includes(device));
  if (found.length === 0) {
    throw new Error(`it does not start on ${devices.join(" or ")}`);
  }
  return found.map((device) => ({
    name: `jax-js, ${device}`,
    beside: device,
    prepare: async (problem, pass): Promise<PreparedPeer> => {
      const { heads, length, q, k, v, logDecay, dy } = problem;
      if (!logDecay || logDecay.length !== heads * length) {
        throw new RangeError("its scan is written for a decay of each token");
      }
      jax.defaultDevice(device);
      const place = (values: Float32Array, columns?: number) =>
        jax.numpy.array(values as Float32Array<ArrayBuffer>, {
          shape: [heads, length, ...(columns ? [columns] : [])],
        });
      const inputs = [
        ...[q, k, v].map((values) => place(values, HEAD_DIM)),
        place(logDecay),
      ] as [numpy.Array, numpy.Array, numpy.Array, numpy.Array];
      const output = place(dy, HEAD_DIM);
      await jax.blockUntilReady([...inputs, output]);
      const scan = jaxScan(jax, EPSILON);
      const compute = () => {
        const [q, k, v, decays] = inputs.map((input) =>
          input.ref
        ) as typeof inputs;
        return pass === "forward"
          ? [scan.forward(q, k, v, decays)]
          : scan.withGradients(q, k, v, decays, output.ref);
      };
      return {
        run: async () => {
          const outputs = compute();
          await jax.blockUntilReady(outputs);
          outputs.forEach((one) => one.dispose());
        },
        results: async () =>
          await Promise.all(
            compute().map(async (one) => await one.data() as Float32Array),
          ),
        release: () => {
          scan.dispose();
          [...inputs, output].forEach((one) => one.dispose());
          return Promise.resolve();
        },
      };
    },
  }));
}
