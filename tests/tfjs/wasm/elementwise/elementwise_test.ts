import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { ELEMENTWISE_KERNELS } from "../../../../lib/tfjs/wasm/elementwise/kernels.ts";
import { useBackend } from "../../../../mod.ts";
import { array, uniform } from "../../../random.ts";
import {
  BINARY,
  isWithin,
  OF_BOOLS,
  type Reference,
  SPECIAL,
  UNARY,
} from "./references.ts";

/** Runs on one thread and on two, and says that both are the same. */
async function onThreads(
  compute: () => Promise<ArrayLike<number>[]>,
): Promise<ArrayLike<number>[]> {
  const results: ArrayLike<number>[][] = [];
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    const { numTensors, numBytes } = tf.memory();
    results.push(await compute());
    assertEquals([tf.memory().numTensors, tf.memory().numBytes], [
      numTensors,
      numBytes,
    ]);
  }
  const [one, two] = results as [ArrayLike<number>[], ArrayLike<number>[]];
  one.forEach((values, i) => {
    const other = two[i]!;
    for (let at = 0; at < values.length; at++) {
      if (Object.is(values[at], other[at])) continue;
      throw new Error(`result ${i} differs at ${at} with two threads`);
    }
  });
  return one;
}

/** Says that values are right. */
function assertRight(
  name: string,
  found: ArrayLike<number>,
  { truth, ulps = 0 }: Pick<Reference<never, number[]>, "truth" | "ulps">,
  operands: (i: number) => number[],
): void {
  for (let i = 0; i < found.length; i++) {
    const given = operands(i), wanted = Number(truth(...given));
    if (isWithin(found[i]!, wanted, ulps)) continue;
    throw new Error(
      `${name}(${given}) is ${found[i]}, and should be ${wanted}`,
    );
  }
}

/** Numbers of many sizes. */
function numbers(size: number, seed: number): Float32Array {
  const random = uniform(seed), sizes = [1, 4, 100, 4000];
  return array(size, random, (u) => {
    const kind = Math.floor(6 * random()), sign = u < 0.5 ? -1 : 1;
    if (kind < 4) return sizes[kind]! * (2 * u - 1);
    return sign * 2 ** ((kind === 4 ? 40 : 240) * (random() - 0.5));
  });
}

/** Elements of which threads share the cheapest function, with a rest. */
const MANY = 140_003;

Deno.test("functions of an element are right to the last digits, for all kinds of numbers [wasm]", async () => {
  const values = numbers(MANY, 1);
  values.set(SPECIAL, 7);
  values.set(SPECIAL, MANY - SPECIAL.length);
  const results = await onThreads(async () => {
    const x = tf.tensor1d(values);
    const found: ArrayLike<number>[] = [];
    for (const { compute } of Object.values(UNARY)) {
      const y = compute(x);
      found.push(await y.data());
      y.dispose();
    }
    x.dispose();
    return found;
  });
  Object.entries(UNARY).forEach(([name, reference], i) =>
    assertRight(name, results[i]!, reference, (at) => [values[at]!])
  );
});

Deno.test("functions of two elements are right to the last digits, for all kinds of numbers [wasm]", async () => {
  const [a, b] = [numbers(MANY, 2), numbers(MANY, 3)];
  SPECIAL.forEach((x, i) =>
    SPECIAL.forEach((y, j) => {
      a[i * SPECIAL.length + j] = x;
      b[i * SPECIAL.length + j] = y;
    })
  );
  const results = await onThreads(async () => {
    const x = tf.tensor1d(a), y = tf.tensor1d(b);
    const found: ArrayLike<number>[] = [];
    for (const { compute } of Object.values(BINARY)) {
      const z = compute(x, y);
      found.push(await z.data());
      z.dispose();
    }
    tf.dispose([x, y]);
    return found;
  });
  Object.entries(BINARY).forEach(([name, reference], i) =>
    assertRight(name, results[i]!, reference, (at) => [a[at]!, b[at]!])
  );
});

Deno.test("the tables of functions have each kernel that is replaced [wasm]", () => {
  const names = [UNARY, BINARY, OF_BOOLS].flatMap((table) =>
    Object.keys(table)
  );
  assertEquals(
    names.filter((name) => name !== "Pow").sort(),
    ELEMENTWISE_KERNELS.toSorted(),
  );
});

/** Pairs of shapes that are repeated to one another. */
const SHAPES: readonly (readonly [number[], number[]])[] = [
  [[], []],
  [[1], []],
  [[9], []],
  [[], [17]],
  [[19], [1]],
  [[1, 1], [5]],
  [[5, 3], [3]],
  [[3, 40], [40]],
  [[40], [3, 40]],
  [[7, 33], [7, 1]],
  [[7, 1], [1, 33]],
  [[33], [7, 1]],
  [[300, 7], [7]],
  [[300, 7], [300, 1]],
  [[9, 129], [9, 1]],
  [[5, 257], [257]],
  [[60, 4, 9], [4, 1]],
  [[2, 3, 4], [2, 1, 4]],
  [[2, 1, 4], [3, 1]],
  [[4, 1, 3, 1], [2, 1, 5]],
  [[2, 3, 2, 3, 2, 9], [3, 1, 3, 1, 9]],
  [[2, 1, 2, 1, 2, 1], [1, 3, 1, 3, 1, 3]],
  [[0], [1]],
  [[3, 0], [0]],
  [[0, 4], [4]],
  [[2, 0, 1], [5]],
];

Deno.test("what is cast to bool and back is 0 or 1 [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { numTensors } = tf.memory();
  for (const size of [0, 3, 8, 21, SPECIAL.length]) {
    const values = SPECIAL.slice(0, size);
    const [bools, back] = tf.tidy(() => {
      const bools = tf.cast(tf.tensor1d(values), "bool");
      return [bools, tf.cast(bools, "float32")];
    });
    const wanted = values.map((x) => Number(x !== 0));
    for (const found of [bools!, back!]) {
      assertEquals(Array.from(await found.data()), wanted);
    }
    assertEquals([bools!.dtype, back!.dtype], ["bool", "float32"]);
    tf.dispose([bools, back]);
  }
  assertEquals(tf.memory().numTensors, numTensors);
});

/** Where an element of a result of a shape is in an operand. */
function placeIn(own: number[], shape: number[], index: number): number {
  let place = 0, stride = 1;
  for (let axis = 1; axis <= shape.length; axis++) {
    const size = shape.at(-axis)!, length = own.at(-axis) ?? 1;
    if (length > 1) place += index % size * stride;
    stride *= length;
    index = Math.floor(index / size);
  }
  return place;
}

Deno.test("operands are repeated along any axes, and may be empty [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { numTensors } = tf.memory();
  for (const [first, second] of SHAPES) {
    for (const [own, other] of [[first, second], [second, first]] as const) {
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(own, other);
      const sizes = [own, other].map(tf.util.sizeFromShape);
      for (const name of ["Sub", "Pow", "Less", "LogicalXor"]) {
        const isOfBools = name === "LogicalXor";
        const { compute, truth, ulps = 0 } =
          (isOfBools ? OF_BOOLS : BINARY)[name] as Reference<
            [tf.Tensor, tf.Tensor],
            [number, number]
          >;
        const [x, y] = sizes.map((size, i) =>
          isOfBools
            ? array(size, uniform(i), Math.round)
            : array(size, uniform(i), (u) => 3 * u)
        );
        const dtype = isOfBools ? "bool" : "float32";
        const z = tf.tidy(() =>
          compute(tf.tensor(x!, own, dtype), tf.tensor(y!, other, dtype))
        );
        assertEquals(z.shape, shape);
        assertRight(
          `${name} of [${own}] and [${other}]`,
          await z.data(),
          { truth, ulps },
          (i) => [x![placeIn(own, shape, i)]!, y![placeIn(other, shape, i)]!],
        );
        z.dispose();
      }
    }
  }
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("operands that are repeated along more axes than a job has are right, too [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { numTensors } = tf.memory();
  const own = [1, 2, 1, 2, 1, 2, 1, 2], other = [2, 1, 2, 1, 2, 1, 2, 1];
  const shape = new Array<number>(8).fill(2);
  const values = array(16, uniform(4), (u) => 1 + u);
  for (const name of ["Sub", "Pow", "Less", "Maximum", "SquaredDifference"]) {
    const { compute, truth, ulps = 0 } = BINARY[name]!;
    const z = tf.tidy(() =>
      compute(tf.tensor(values, own), tf.tensor(values, other))
    );
    assertEquals(z.shape, shape);
    assertRight(name, await z.data(), { truth, ulps }, (i) => [
      values[placeIn(own, shape, i)]!,
      values[placeIn(other, shape, i)]!,
    ]);
    z.dispose();
  }
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("functions of bools are right, at any length [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  for (const size of [0, 1, 7, 8, 9, 40, 1003]) {
    const [a, b] = [1, 2].map((seed) => array(size, uniform(seed), Math.round));
    for (const [name, reference] of Object.entries(OF_BOOLS)) {
      const y = tf.tidy(() =>
        reference.compute(tf.tensor1d(a!, "bool"), tf.tensor1d(b!, "bool"))
      );
      assertEquals(y.dtype, "bool");
      assertRight(name, await y.data(), reference as never, (i) => [
        a![i]!,
        b![i]!,
      ]);
      y.dispose();
    }
  }
});

Deno.test("a bool of any byte is true in functions of bools, whose results are 0 and 1 [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const bools = (...bytes: number[]) =>
    tf.tensor1d(Uint8Array.from(bytes), "bool");
  for (
    const [compute, wanted] of [
      [tf.logicalAnd, [1, 1, 0, 0]],
      [tf.logicalOr, [1, 1, 1, 0]],
      [tf.logicalXor, [0, 0, 1, 0]],
      [(x: tf.Tensor) => tf.logicalNot(x), [0, 0, 0, 1]],
    ] as const
  ) {
    const y = tf.tidy(() => compute(bools(2, 1, 255, 0), bools(1, 4, 0, 0)));
    assertEquals([...await y.data()], [...wanted]);
    y.dispose();
  }
});

Deno.test("where() takes each element, of floats and integers, or each row [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { numTensors } = tf.memory();
  for (const dtype of ["float32", "int32"] as const) {
    for (const shape of [[], [1], [11], [5, 3], [9, 4, 10], [0, 2]]) {
      const size = tf.util.sizeFromShape(shape);
      const [t, e] = [1, 2].map((seed) =>
        array(size, uniform(seed), (u) => Math.round(1e6 * u))
      );
      const conditions = [
        shape,
        ...(shape.length > 1 ? [shape.slice(0, 1)] : []),
      ];
      for (const own of conditions) {
        const chosen = array(
          tf.util.sizeFromShape(own),
          uniform(3),
          Math.round,
        );
        const y = tf.tidy(() =>
          tf.engine().runKernel("Select", {
            condition: tf.tensor(chosen, own, "bool"),
            t: tf.tensor(t!, shape, dtype),
            e: tf.tensor(e!, shape, dtype),
          }) as tf.Tensor
        );
        assertEquals([y.dtype, y.shape], [dtype, shape]);
        const perRow = size / Math.max(1, chosen.length);
        assertEquals(
          Array.from(await y.data()),
          Array.from(t!, (x, i) => chosen[Math.floor(i / perRow)] ? x : e![i]!),
        );
        y.dispose();
      }
    }
  }
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("sums of several tensors and powers of one number are right [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { numTensors } = tf.memory();
  const values = SPECIAL.concat(Array.from(numbers(100, 4)));
  for (const exponent of [-1, -0.5, 0, 0.5, 1, 2, 3, NaN, -Infinity]) {
    for (const shape of [[], [1], [1, 1]]) {
      const y = tf.tidy(() =>
        tf.pow(tf.tensor1d(values), tf.fill(shape, exponent))
      );
      assertEquals(y.rank, Math.max(1, shape.length));
      // A cube is rounded twice.
      const pow = { ...BINARY["Pow"]!, ...exponent === 3 ? { ulps: 1 } : {} };
      assertRight("pow", await y.data(), pow as never, (i) => [
        values[i]!,
        exponent,
      ]);
      y.dispose();
    }
  }
  for (const count of [1, 2, 3, 5]) {
    const y = tf.tidy(() =>
      tf.addN(Array.from({ length: count }, (_, i) => tf.fill([3, 7], 2 ** i)))
    );
    assertEquals(
      Array.from(await y.data()),
      new Array(21).fill(2 ** count - 1),
    );
    y.dispose();
  }
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("gradients are those of the functions [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { numTensors } = tf.memory();
  const values = [-1.75, -0.5, 0.25, 0.75, 1.5, 2.5];
  const step = 1e-6;
  const functions: typeof UNARY = {
    ...UNARY,
    Pow: { compute: (x) => tf.pow(x, 3), truth: (x) => x ** 3 },
  };
  for (
    const name of [
      ...["Exp", "Expm1", "Tanh", "Sigmoid", "Softplus", "Sin", "Cos", "Erf"],
      ...["Atan", "Asinh", "Square", "Elu", "Selu", "Relu", "Relu6", "Pow"],
      ...["LeakyRelu", "Sinh", "Cosh", "Tan", "ClipByValue"],
    ] as const
  ) {
    const { compute } = functions[name]!;
    const truth = functions[name]!.truth as (x: number) => number;
    const derivative = (x: number) =>
      (truth(x + step) - truth(x - step)) / (2 * step);
    const dx = tf.tidy(() =>
      tf.grad((x: tf.Tensor) => compute(x))(tf.tensor1d(values))
    );
    (await dx.data()).forEach((found, i) => {
      const wanted = derivative(values[i]!);
      const isClose = Math.abs(found - wanted) <= 1e-5 * (1 + Math.abs(wanted));
      assert(isClose, `${name}'(${values[i]}) is ${found}, not ${wanted}`);
    });
    dx.dispose();
  }
  assertEquals(tf.memory().numTensors, numTensors);
});
