/** Functions of two operands of any shapes, beside those of the cpu backend. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { GpuCallCounter } from "../../../bench/gpu_calls.ts";
import { useBackend } from "../../../mod.ts";
import { onEachBackend } from "../../backends.ts";
import { uniform } from "../../random.ts";
import { wrongResult } from "../function_cases.ts";
import { BINARY, SPECIAL } from "../wasm/elementwise/references.ts";

/** Two shapes that are broadcast. */
type Shapes = readonly [number[], number[]];

/** How operands are repeated, in packs of four and not, and at all ranks. */
const SHAPES: readonly Shapes[] = [
  [[], []],
  [[], [1]],
  [[1, 1], [1]],
  [[8], [8]],
  [[2, 3], [2, 3]],
  [[3, 4], []],
  [[1], [7]],
  [[3, 8], [8]],
  [[5], [3, 5]],
  [[2, 3, 4], [3, 1]],
  [[2, 1], [2, 7]],
  [[3, 1], [1, 4]],
  [[3, 1], [5]],
  [[2, 3, 4], [2, 1, 4]],
  [[2, 1, 5], [2, 3, 1]],
  [[2, 1, 3, 1], [4, 1, 8]],
  [[2, 1, 3, 1, 2, 4], [3, 1, 2, 1]],
  [[2, 1, 3, 1, 2, 1, 3], [1, 2, 1, 3, 1, 2, 1]],
  [[0, 3], [3]],
  [[2, 1], [0]],
];

/** Shapes that are broadcast, of up to six axes. */
function drawnShapes(random: () => number): Shapes {
  const pick = <T>(of: readonly T[]) => of[Math.floor(of.length * random())]!;
  const shape = Array.from(
    { length: pick([1, 2, 3, 4, 5, 6]) },
    () => pick([1, 2, 3, 4]),
  );
  const operand = () =>
    shape.map((size) => random() < 0.4 ? 1 : size)
      .slice(random() < 0.3 ? pick(shape.keys().toArray()) : 0);
  return random() < 0.5 ? [shape, operand()] : [operand(), operand()];
}

function drawnNumbers(shape: number[], random: () => number): number[] {
  return Array.from(
    { length: tf.util.sizeFromShape(shape) },
    () =>
      random() < 0.2
        ? SPECIAL[Math.floor(SPECIAL.length * random())]!
        : Math.fround(8 * random() - 4),
  );
}

/** Says what is wrong with a function of two operands of these shapes, on WebGPU. */
async function wrongOf(
  name: string,
  [shapeX, shapeY]: Shapes,
  random: () => number,
): Promise<string[]> {
  const [x, y] = [drawnNumbers(shapeX, random), drawnNumbers(shapeY, random)];
  const label = `${name} of [${shapeX}] and [${shapeY}]`;
  await useBackend({ prefer: ["webgpu"] });
  const found = tf.tidy(() =>
    BINARY[name]!.compute(tf.tensor(x, shapeX), tf.tensor(y, shapeY))
  );
  const values = await found.data();
  await useBackend({ prefer: ["cpu"] });
  // Which numbers meet is what another kernel of the cpu backend's says.
  const [ofX, ofY] = tf.tidy(() =>
    [[x, shapeX], [y, shapeY]].map(([numbers, shape]) =>
      tf.broadcastTo(
        tf.tensor(numbers!, shape as number[]),
        found.shape as tf.ShapeMap[tf.Rank],
      ).dataSync()
    )
  );
  await useBackend({ prefer: ["webgpu"] });
  const { shape } = found;
  found.dispose();
  assertEquals(
    shape,
    tf.broadcast_util.assertAndGetBroadcastShape(shapeX, shapeY),
    label,
  );
  return [...values].flatMap((value, i) => {
    const wrong = wrongResult(name, [ofX![i]!, ofY![i]!], value);
    return wrong ? [`${label}: ${wrong}`] : [];
  });
}

onEachBackend(
  "functions of two floats are right for all shapes that are broadcast",
  async () => {
    const random = uniform(1), wrong: string[] = [];
    const drawn = Array.from({ length: 40 }, () => drawnShapes(random));
    for (const shapes of [...SHAPES, ...drawn]) {
      wrong.push(...await wrongOf("Multiply", shapes, random));
    }
    for (const name of Object.keys(BINARY)) {
      for (const shapes of [drawnShapes(random), drawnShapes(random)]) {
        wrong.push(...await wrongOf(name, shapes, random));
      }
    }
    assertEquals(wrong, []);
  },
  ["webgpu"],
);

/** Calls of kernels with the types of their operands, which operations would make the same. */
const TYPED:
  readonly (readonly [string, tf.NumericDataType, tf.NumericDataType])[] = [
    ["Add", "int32", "int32"],
    ["FloorDiv", "int32", "int32"],
    ["Less", "int32", "int32"],
    ["NotEqual", "bool", "bool"],
    ["LogicalAnd", "bool", "bool"],
    ["LogicalOr", "bool", "bool"],
    ["Multiply", "float32", "int32"],
    ["Sub", "float32", "bool"],
    ["Greater", "int32", "float32"],
  ];

onEachBackend(
  "functions of integers, of bools and of a float and another type are those of cpu",
  async () => {
    const random = uniform(2);
    for (const [name, ...types] of TYPED) {
      for (const shapes of [SHAPES[3]!, SHAPES[7]!, drawnShapes(random)]) {
        const numbers = shapes.map((shape, i) =>
          Array.from(
            { length: tf.util.sizeFromShape(shape) },
            () => Math.floor((types[i] === "bool" ? 2 : 9) * random()),
          )
        );
        const results: unknown[] = [];
        for (const backend of ["webgpu", "cpu"] as const) {
          await useBackend({ prefer: [backend] });
          const y: tf.Tensor = tf.tidy(() => {
            const [a, b] = numbers.map((of, i) =>
              tf.tensor(of, shapes[i], types[i])
            );
            return tf.engine().runKernel(name, { a: a!, b: b! });
          });
          results.push([y.dtype, y.shape, [...await y.data()]]);
          y.dispose();
        }
        const label = `${name} of ${types}, [${shapes[0]}] and [${shapes[1]}]`;
        assertEquals(results[0], results[1], label);
      }
    }
  },
  ["webgpu"],
);

onEachBackend(
  "shaders of functions of two operands depend on no shape",
  () => {
    const given = (shape: number[]) =>
      tf.tensor(new Float32Array(tf.util.sizeFromShape(shape)), shape);
    const counter = new GpuCallCounter();
    try {
      const pipelines = (shapes: readonly Shapes[]) => {
        tf.tidy(() => {
          for (const [x, y] of shapes) tf.sub(given(x), given(y));
        });
        return counter.take().pipelines;
      };
      pipelines([[[2, 4], [4]], [[3, 4], [3, 1]], [[3, 5], [5]], [[8], []]]);
      const others: Shapes[] = [
        ...[[[2, 3, 8], [8]], [[5, 2, 12], [2, 12]]] as Shapes[],
        ...[[[7, 2, 8], [7, 2, 1]], [[2, 3, 4, 4], [2, 3, 1, 1]]] as Shapes[],
        ...[[[2, 9, 1, 7], [1, 7]], [[3, 3, 3], [3, 3]]] as Shapes[],
        ...[[[2, 3, 4, 5], [1, 1, 1]], [[1024], [1]]] as Shapes[],
      ];
      assertEquals(pipelines(others), 0);
    } finally {
      counter.stop();
    }
  },
  ["webgpu"],
);
