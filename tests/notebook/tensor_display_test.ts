/** Tensors that a cell ends with, as Deno's kernel asks for them. @module */
import { sent } from "./jupyter/fake_kernel.ts";
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { DISPLAY, display } from "../../lib/notebook/mod.ts";
import { onEachBackend } from "../backends.ts";

/** What the kernel shows of a cell's last expression. */
async function shownOf(x: tf.Tensor): Promise<string> {
  const own = x as unknown as {
    [DISPLAY](): Promise<Record<string, string>>;
  };
  return (await own[DISPLAY]())["text/plain"]!;
}

onEachBackend("a tensor that a cell ends with has its values", async () => {
  const cases: [tf.Tensor, string][] = [
    [tf.scalar(1 / 3), "float32 []\n0.33333"],
    [tf.tensor1d([1, 2.5, -3]), "float32 [3]\n[  1, 2.5,  -3]"],
    [
      tf.tensor2d([[1, 2], [30, 4]], [2, 2], "int32"),
      "int32 [2, 2]\n[[ 1,  2],\n [30,  4]]",
    ],
    [tf.tensor1d([true, false]), "bool [2]\n[ true, false]"],
    [tf.zeros([2, 0]), "float32 [2, 0], without values"],
    [
      tf.tensor3d([1, 2, 3, 4], [2, 2, 1]),
      "float32 [2, 2, 1]\n[[[1],\n  [2]],\n [[3],\n  [4]]]",
    ],
    [tf.range(0, 9, 1, "int32"), "int32 [9]\n[0, 1, 2, 3, 4, 5, 6, 7, …]"],
    [
      tf.ones([1000, 1000]),
      `float32 [1000, 1000]\n[${
        Array(6).fill("[1, 1, 1, 1, 1, 1, 1, 1, …]").join(",\n ")
      },\n …]`,
    ],
    [tf.tensor1d([NaN, -Infinity]), "float32 [2]\n[      NaN, -Infinity]"],
    [tf.tidy(() => tf.variable(tf.tensor1d([7]))), "float32 [1]\n[7]"],
  ];
  for (const [x, text] of cases) assertEquals(await shownOf(x), text);
  const computed = tf.tidy(() => tf.mul(tf.add(tf.ones([2]), 1), 3));
  assertEquals(await shownOf(computed), "float32 [2]\n[6, 6]");
  await display(computed);
  assertEquals(sent().map(({ data }) => data), [
    { "text/plain": "float32 [2]\n[6, 6]" },
  ]);
  computed.dispose();
  assertEquals(
    await shownOf(computed),
    "float32 [2], disposed of: it has no values any more",
  );
  for (const [x] of cases) x.dispose();
});

onEachBackend("texts and complex numbers are shown, too", async () => {
  const texts = tf.tensor1d(["a", 'b"']);
  const complex = tf.complex([1], [2]);
  assertEquals(await shownOf(texts), 'string [2]\n[  "a", "b\\""]');
  assertEquals(
    await shownOf(complex),
    "complex64 [1]; tf.real and tf.imag of it have its values",
  );
  tf.dispose([texts, complex]);
}, ["cpu"]);
