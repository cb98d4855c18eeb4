import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { useBackend } from "../../../../mod.ts";

/** Sizes of axes, and which of them are reversed. */
const AXES = fc.array(fc.tuple(fc.nat(20), fc.boolean()), {
  minLength: 1,
  maxLength: 6,
}).filter((axes) => axes.reduce((size, [n]) => size * (n + 1), 1) < 50_000);

/** Values with axes reversed, by the definition. */
function reversed(
  values: ArrayLike<number>,
  shape: number[],
  isReversed: boolean[],
): number[] {
  return Array.from(values, (_, n) => {
    let rest = n, at = 0, stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis]!, place = rest % size;
      at += stride * (isReversed[axis] ? size - 1 - place : place);
      rest = Math.floor(rest / size);
      stride *= size;
    }
    return values[at]!;
  });
}

Deno.test("reversed axes are what the definition says, at any rank and of any dtype [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  await fc.assert(
    fc.asyncProperty(
      AXES,
      fc.constantFrom("float32", "int32", "bool"),
      async (axes, dtype) => {
        const shape = axes.map(([size]) => size + 1);
        const isReversed = axes.map(([, one]) => one);
        const count = shape.reduce((a, b) => a * b, 1);
        const values = Array.from(
          { length: count },
          (_, n) => dtype === "bool" ? n * 7 % 3 % 2 : n,
        );
        const x = tf.tensor(values, shape, dtype);
        const chosen = isReversed.flatMap((one, axis) => one ? [axis] : []);
        const y = tf.reverse(x, chosen);
        assertEquals(y.dtype, dtype);
        assertEquals(
          Array.from(await y.data()),
          reversed(values, shape, isReversed),
        );
        tf.dispose([x, y]);
      },
    ),
  );
});
