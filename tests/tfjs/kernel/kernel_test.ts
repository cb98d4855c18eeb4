/** One operation with all that an operation may have, on kernels in plain loops. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import {
  gradientKernel,
  hasKernel,
  type Operation,
  planKernel,
  registerKernels,
  runKernel,
} from "../../../lib/tfjs/kernel/kernel.ts";
import { onEachBackend } from "../../backends.ts";

/**
 * `y = weight · x² + z`, and `sign`, that of x; `weight` is a constant and z need
 * not be there. Negative x and dy come as 0.
 */
const OPERATION: Operation<"y", "square" | "sign"> = {
  kernel: "LionContractTest",
  gradientsIn: ["x", "z"],
  outputs: ["y"],
  further: ["square", "sign"],
  gradientReads: ["square"],
  prepare: (name, x) => name === "x" || name === "dy" ? tf.relu(x) : x,
};

/** What the kernels were given. */
const seen: { kernel: string; inputs: string[] }[] = [];

/** A kernel that computes with lists of numbers, by name. */
function inLists(
  kernel: string,
  compute: (lists: Record<string, number[]>, scale: number) => number[][],
): tf.KernelFunc {
  return ({ inputs, backend, attrs }) => {
    seen.push({ kernel, inputs: Object.keys(inputs) });
    const cpu = backend as MathBackendCPU;
    const lists = Object.fromEntries(
      Object.entries(inputs).map(([name, x]) => {
        const { values } = cpu.data.get((x as tf.TensorInfo).dataId);
        return [name, [...values as Float32Array]];
      }),
    );
    const { scale } = attrs as unknown as { scale: number };
    return compute(lists, scale).map((values) =>
      cpu.makeTensorInfo([values.length], "float32", Float32Array.from(values))
    );
  };
}

function register(): void {
  registerKernels<{ tokens: number }>("cpu", OPERATION, {
    forward: inLists("forward", ({ x, z, weight }, scale) => {
      const square = x!.map((x) => scale * x * x);
      return [
        square.map((x, i) => weight![i]! * x + (z?.[i] ?? 0)),
        square,
        x!.map(Math.sign),
      ];
    }),
    gradient: inLists("gradient", ({ x, z, weight, dy, square }, scale) => {
      assertEquals(square, x!.map((x) => scale * x * x));
      const dx = x!.map((x, i) => 2 * scale * weight![i]! * x * dy![i]!);
      return z ? [dx, dy!] : [dx];
    }),
    plan: ({ tokens }) =>
      tokens > 9
        ? { refusal: "too many" }
        : { chunkSize: null, scratchBytes: 4 * tokens, how: "in lists" },
  });
}

const ON_CPU = ["cpu"] as const;

onEachBackend(
  "an operation says whether it has a kernel, and what it would do",
  () => {
    assertEquals(gradientKernel(OPERATION), "LionContractTestGrad");
    assertEquals(hasKernel({ ...OPERATION, kernel: "LionNone" }), false);
    assertEquals(
      planKernel({ ...OPERATION, kernel: "LionNone" }, {}),
      undefined,
    );
    register();
    assert(hasKernel(OPERATION));
    assertEquals(planKernel(OPERATION, { tokens: 10 }), {
      refusal: "too many",
    });
    assertEquals(planKernel(OPERATION, { tokens: 2 }), {
      chunkSize: null,
      scratchBytes: 8,
      how: "in lists",
    });
  },
  ON_CPU,
);

onEachBackend(
  "outputs come by name, of what is there, converted to floats",
  async () => {
    register();
    const weight = tf.tensor1d([1, 2, 3]);
    for (const z of [undefined, tf.tensor1d([5, 5, 5], "int32")]) {
      seen.length = 0;
      const { y, square, sign } = tf.tidy(() =>
        runKernel(
          OPERATION,
          { x: tf.tensor1d([-1, 2, 0], "int32"), weight, z },
          { scale: 10 },
        )
      );
      assertEquals([...await square!.data()], [0, 40, 0]);
      assertEquals([...await sign!.data()], [0, 1, 0]);
      assertEquals([...await y.data()], z ? [5, 85, 5] : [0, 80, 0]);
      const inputs = z ? ["x", "weight", "z"] : ["x", "weight"];
      assertEquals(seen, [{ kernel: "forward", inputs }]);
      tf.dispose([y, square!, sign!, ...(z ? [z] : [])]);
    }
    weight.dispose();
  },
  ON_CPU,
);

onEachBackend(
  "gradients are those in what is there, and of prepared ones",
  async () => {
    register();
    const weight = tf.tensor1d([1, 2, 3]);
    const x = tf.tensor1d([1, 2, 3]), z = tf.tensor1d([7, 8, 9]);
    const outputGradient = tf.tensor1d([1, -1, 2]);
    const f = (x: tf.Tensor, z?: tf.Tensor) => {
      const outputs = runKernel(OPERATION, { z, x, weight }, { scale: 0.5 });
      // What has no gradient is not there to be read.
      assertEquals(Object.keys(outputs), ["y"]);
      return outputs.y;
    };
    const alone = tf.grad((x) => f(x))(x, outputGradient);
    assertEquals([...await alone.data()], [1, 0, 18]);
    seen.length = 0;
    const both = tf.grads(f)([x, z], outputGradient);
    assertEquals([...await both[0]!.data()], [1, 0, 18]);
    assertEquals([...await both[1]!.data()], [1, 0, 2]);
    assertEquals(seen, [
      { kernel: "forward", inputs: ["z", "x", "weight"] },
      { kernel: "gradient", inputs: ["z", "x", "weight", "square", "dy"] },
    ]);
    tf.dispose([weight, x, z, outputGradient, alone, both]);
  },
  ON_CPU,
);

onEachBackend(
  "a gradient kernel gets the inputs that it reads, and no others are kept",
  async () => {
    register();
    const reads = { ...OPERATION, kernel: "LionContractReads" };
    registerKernels("cpu", reads, {
      forward: inLists("forward", ({ x }) => [x!, x!]),
      gradient: inLists("gradient", ({ weight, dy, square }) => [
        dy!.map((dy, i) => dy * weight![i]! * square![i]!),
      ]),
    });
    const weight = tf.tensor1d([1, 2, 3]), x = tf.tensor1d([4, 5, 6]);
    const outputGradient = tf.tensor1d([1, 1, 2]);
    seen.length = 0;
    for (const gradientInputs of [["weight"], undefined]) {
      const operation = { ...reads, ...gradientInputs && { gradientInputs } };
      let kept = 0;
      const gradient = tf.grad((x) => {
        const before = tf.memory().numTensors;
        const { y } = runKernel(operation, { x, weight }, { scale: 1 });
        kept = tf.memory().numTensors - before - 1;
        return y;
      })(x, outputGradient);
      assertEquals([...await gradient.data()], [4, 10, 36]);
      assertEquals(kept, gradientInputs ? 2 : 3);
      gradient.dispose();
    }
    assertEquals(
      seen.filter(({ kernel }) => kernel === "gradient").map((x) => x.inputs),
      [["weight", "square", "dy"], ["x", "weight", "square", "dy"]],
    );
    tf.dispose([weight, x, outputGradient]);
  },
  ON_CPU,
);

onEachBackend("an operation without gradients is recorded as none", () => {
  register();
  const constant = { ...OPERATION, gradientsIn: [] };
  const x = tf.tensor1d([1]);
  assertThrows(
    () =>
      tf.grad((x) => runKernel(constant, { x, weight: x }, { scale: 1 }).y)(x),
    Error,
    "Cannot compute gradient",
  );
  x.dispose();
}, ON_CPU);

Deno.test("an operation without a kernel's name is an error that names it", () => {
  const wrong = undefined as unknown as Operation;
  for (
    const call of [
      () => hasKernel(wrong),
      () => runKernel(wrong, {}),
      () => registerKernels("cpu", wrong, { forward: () => [] }),
    ]
  ) {
    assertThrows(call, TypeError, "operation should describe a kernel");
  }
  assertThrows(
    () =>
      registerKernels("cpu", OPERATION, {
        forward: 3 as unknown as tf.KernelFunc,
      }),
    TypeError,
    "LionContractTest's forward should be a kernel function, got 3",
  );
});
