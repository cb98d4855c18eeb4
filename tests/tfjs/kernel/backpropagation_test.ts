/** Gradients are tfjs's own, and memory is free when it is not needed. @module */
import {
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { MemoryWatch } from "../../../lib/backend/memory_watch.ts";
import { runAsOne } from "../../../lib/tfjs/kernel/tape.ts";
import { runKernel } from "../../../lib/tfjs/mod.ts";
import { GELU } from "../../../lib/operations/gelu/gelu.ts";
import { gelu } from "../../../lib/operations/mod.ts";
import { onEachBackend } from "../../backends.ts";

onEachBackend(
  "a gradient of several tensors, and a constant, stay",
  async () => {
    const constant = tf.tensor1d([5, 7]), x = tf.tensor1d([1, 2]);
    const y = tf.tensor1d([3, 4]), kept: tf.Tensor[] = [];
    const f = tf.customGrad((a, b) => ({
      value: tf.add(a as tf.Tensor, b as tf.Tensor),
      // The same one of both, which is also that of the result.
      gradFunc: (dy: tf.Tensor) => [dy, dy],
    }));
    const g = tf.customGrad((a, save) => {
      (save as (tensors: tf.Tensor[]) => void)([a as tf.Tensor]);
      return {
        value: tf.clone(a as tf.Tensor),
        gradFunc: (_dy: tf.Tensor, saved: tf.Tensor[]) => {
          kept.push(tf.keep(tf.clone(saved[0]!)));
          return constant;
        },
      };
    });
    const run = (a: tf.Tensor, b: tf.Tensor) =>
      tf.sum(tf.mul(f(g(f(a, b)), f(a, a)), 2));
    for (let i = 0; i < 2; i++) {
      const [dx, dy] = tf.grads(run)([x, y]);
      // 5 and 7 by way of the first, and twice 2 by way of the second.
      assertEquals([...await dx!.data()], [9, 11]);
      assertEquals([...await dy!.data()], [5, 7]);
      // A gradient that someone else's function returned is theirs.
      assertEquals(dy!.id, constant.id);
      dx!.dispose();
    }
    assertEquals([...await kept[0]!.data()], [4, 6]);
    tf.dispose([constant, x, y, ...kept]);
  },
);

onEachBackend("a gradient may be what an operation has saved", async () => {
  const x = tf.tensor1d([1, 2]);
  const f = tf.customGrad((a, save) => {
    (save as (tensors: tf.Tensor[]) => void)([a as tf.Tensor]);
    return {
      value: tf.square(a as tf.Tensor),
      gradFunc: (_dy: tf.Tensor, saved: tf.Tensor[]) => saved[0]!,
    };
  });
  const gradients = [
    tf.grad((x: tf.Tensor) => f(x)),
    tf.grad((x: tf.Tensor) => f(tf.mul(x, 3))),
    tf.grad((x: tf.Tensor) => tf.add(f(x), f(x))),
  ].map((gradient) => tf.tidy(() => tf.mul(gradient(x), 1)));
  const values = await Promise.all(gradients.map((x) => x.data()));
  assertEquals(values.map((x) => [...x]), [[1, 2], [9, 18], [2, 4]]);
  tf.dispose([x, ...gradients]);
});

onEachBackend(
  "gradients of gradients, and of what lies between, are right",
  async () => {
    const x = tf.tensor1d([1, 2, -3]);
    const cubes = (x: tf.Tensor) => tf.mul(x, tf.square(x));
    const second = tf.grad((x: tf.Tensor) => tf.grad(cubes)(x))(x);
    assertEquals([...await second.data()], [6, 12, -18]);
    let squares: tf.Tensor | undefined;
    const outer = tf.tidy(() =>
      tf.grad((x: tf.Tensor) => {
        squares = tf.square(x);
        // Of a tensor that another one, x, leads to.
        return tf.mul(tf.grad(cubes)(squares), x);
      })(x)
    );
    // (3 x⁴ x)' = 15 x⁴
    assertEquals([...await outer.data()], [15, 240, 1215]);
    tf.dispose([x, second, outer]);
  },
);

onEachBackend("errors of gradients leak nothing, and say what is wrong", () => {
  const x = tf.tensor1d([1, 2]);
  const wrong = (gradient: () => tf.Tensor) =>
    tf.customGrad((a) => ({
      value: tf.square(a as tf.Tensor),
      gradFunc: () => gradient(),
    }));
  const gradientOf = (f: (x: tf.Tensor) => tf.Tensor) => () =>
    tf.tidy(() => tf.grad((x: tf.Tensor) => tf.square(f(x)))(x));
  assertThrows(
    gradientOf(wrong(() => tf.ones([3]))),
    Error,
    "has shape '3', which does not match the shape of the input '2'",
  );
  assertThrows(
    gradientOf(wrong(() => tf.ones([2], "int32"))),
    Error,
    "must have 'float32' dtype",
  );
  assertThrows(
    gradientOf(() => tf.ones([2])),
    Error,
    "Cannot compute gradient of y=f(x) with respect to x",
  );
  assertThrows(
    gradientOf((x) => tf.round(tf.topk(x, 1).values)),
    Error,
    "gradient function not found",
  );
  x.dispose();
});

onEachBackend(
  "gradients of gradients that read results of their operations are right",
  async () => {
    const x = tf.tensor1d([0.5, -0.8]);
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const both: Record<string, [(x: tf.Tensor) => tf.Tensor, number[]]> = {
      exp: [tf.exp, [0.5, -0.8].map(Math.exp)],
      tanh: [
        tf.tanh,
        [0.5, -0.8].map((x) => -2 * Math.tanh(x) / Math.cosh(x) ** 2),
      ],
      silu: [
        (x) => tf.mul(x, tf.sigmoid(x)),
        [0.5, -0.8].map((x) => {
          const s = sigmoid(x);
          return s * (1 - s) * (2 + x * (1 - 2 * s));
        }),
      ],
      elu: [tf.elu, [0, Math.exp(-0.8)]],
      // Its derivative compares.
      "largest square": [(x) => tf.max(tf.square(x)), [0, 2]],
      "x² above 0": [
        (x) => tf.where(tf.greater(x, 0), tf.square(x), tf.mul(x, 3)),
        [2, 0],
      ],
      // Of two, p (1 - p) (1 - 2 p) with the share p of the first, and its negative.
      softmax: [
        (x) => tf.mul(tf.softmax(x), tf.tensor1d([1, 0])),
        (() => {
          const p = sigmoid(1.3), second = p * (1 - p) * (1 - 2 * p);
          return [2 * second, -2 * second];
        })(),
      ],
    };
    for (const [name, [f, expected]] of Object.entries(both)) {
      const ones = tf.tensor1d(name === "softmax" ? [1, -1] : [1, 1]);
      const second = tf.tidy(() =>
        tf.grad((x: tf.Tensor) => tf.mul(tf.grad(f)(x), ones))(x)
      );
      const values = await second.data();
      expected.forEach((value, i) =>
        assertAlmostEquals(values[i]!, value, 1e-5, name)
      );
      tf.dispose([ones, second]);
    }
    x.dispose();
  },
);

onEachBackend(
  "third derivatives of a kernel are right",
  async () => {
    const x = tf.tensor1d([0.1, 0.7]);
    const third = tf.tidy(() =>
      tf.grad((x: tf.Tensor) =>
        tf.grad((x: tf.Tensor) => tf.grad((x: tf.Tensor) => gelu(x))(x))(x)
      )(x)
    );
    const values = await third.data();
    // φ(x) (x³ - 4 x), of GELU'' = φ(x) (2 - x²).
    [0.1, 0.7].forEach((x, i) => {
      const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
      assertAlmostEquals(values[i]!, density * (x ** 3 - 4 * x), 1e-4);
    });
    tf.dispose([x, third]);
  },
);

onEachBackend("a kernel without a plain form has no second derivative", () => {
  const x = tf.tensor1d([0.1, 0.7]);
  const { plain: _, ...operation } = GELU;
  const once = (x: tf.Tensor) => runKernel(operation, { x }).y;
  tf.grad(once)(x).dispose();
  assertThrows(
    () => tf.tidy(() => tf.grad((x: tf.Tensor) => tf.grad(once)(x))(x)),
    Error,
    "gradient function not found for LionGeluGrad",
  );
  x.dispose();
}, ["wasm", "webgpu"]);

onEachBackend("what an operation has saved goes with its gradient", () => {
  const size = 2 ** 18, depth = 12, bytes = 4 * size;
  const x = tf.ones([size]);
  const watch = new MemoryWatch(), span = watch.begin();
  const gradient = tf.grad((x: tf.Tensor) => {
    for (let i = 0; i < depth; i++) x = tf.sin(x);
    return x;
  })(x);
  watch.stop();
  const peak = (span.peakBytes - span.bytesBefore) / bytes;
  // What each operation has read, and a few on the way; gradients of all would be as
  // many again.
  assertLess(peak, depth + 5);
  tf.dispose([x, gradient]);
}, ["wasm"]);

onEachBackend("to save a tensor runs no kernel", async () => {
  const x = tf.tensor1d([1, 2]);
  const { kernels } = await tf.profile(() => {
    const gradient = tf.grad((x: tf.Tensor) => tf.square(x))(x);
    gradient.dispose();
    return {};
  });
  const names = kernels.map(({ name }) => name);
  assertEquals(names.includes("Square"), true);
  assertEquals(names.includes("Identity"), false);
  x.dispose();
});

onEachBackend(
  "gradients of what two operations read come to it in parts, or added up",
  async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const counts: number[] = [];
    const twice = (x: tf.Tensor) =>
      runAsOne({ x }, () => [tf.mul(x, 1), tf.mul(x, 2)], (dys) => {
        counts.push(dys.length);
        const [first, second, part] = dys;
        const all = part ? tf.add(second!, part) : second!;
        return { x: tf.add(first!, tf.mul(all, 2)) };
      }, 1);
    const cases: ((x: tf.Tensor) => tf.Tensor)[] = [
      (x) => twice(x)[1]!,
      (x) => tf.mul(tf.square(twice(x)[1]!), 3),
      (x) => {
        const [y, z] = twice(x) as [tf.Tensor, tf.Tensor];
        return tf.add(tf.mul(z, 3), tf.add(tf.square(z), tf.add(y, z)));
      },
    ];
    const read = async (x: tf.Tensor) => [...await x.data()];
    const before = tf.memory().numTensors;
    const gradients = cases.map((f) => tf.grad(f)(x));
    assertEquals(tf.memory().numTensors, before + cases.length);
    // 2; 24 x; 9 + 8 x
    assertEquals(await Promise.all(gradients.map(read)), [
      [2, 2, 2],
      [24, 48, 72],
      [17, 25, 33],
    ]);
    // A square is a product of the two.
    assertEquals(counts.map((count) => count - 2), [0, 0, 1]);
    // Where the gradient of the result itself is asked for, it is whole.
    const whole = tf.tidy(() =>
      tf.grad((z: tf.Tensor) => tf.mul(tf.add(z, z), z))(twice(x)[1]!)
    );
    assertEquals(await read(whole), [8, 16, 24]);
    tf.dispose([x, whole, ...gradients]);
  },
);
