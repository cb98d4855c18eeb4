/** What lib/tfjs is on its own, for a program that knows nothing of LION. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { closeBackend, openBackend, replayed } from "../../lib/tfjs/mod.ts";
import { importsOf } from "../../tools/check_rooms.ts";

const SHAPE = [8, 256, 256];

/** A product of matrices, of which each number is known, and its milliseconds. */
async function timedProduct(): Promise<number> {
  const [a, b] = [tf.fill(SHAPE, 2), tf.ones(SHAPE)];
  const start = performance.now();
  const y = tf.matMul(a, b);
  const time = performance.now() - start;
  assertEquals(new Set(await y.data()), new Set([2 * SHAPE[2]!]));
  tf.dispose([a, b, y]);
  return time;
}

/** The gradient of a convolution in its filter: the pixels that each tap reads, in sum. */
async function convolutionGradient(): Promise<number[]> {
  const gradient = tf.tidy(() => {
    const x: tf.Tensor4D = tf.reshape(tf.range(0, 16), [1, 4, 4, 1]);
    const convolve = (filter: tf.Tensor) =>
      tf.conv2d(x, filter as tf.Tensor4D, 1, "valid");
    return tf.grad(convolve)(tf.zeros([3, 3, 1, 1]));
  });
  const values = [...await gradient.data()];
  gradient.dispose();
  return values;
}

/** The least time of a few products. */
async function leastTime(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 6; i++) times.push(await timedProduct());
  return Math.min(...times);
}

Deno.test("lib/tfjs is all that its entry loads of the library", async () => {
  const root = new URL("../../", import.meta.url);
  const imports = await importsOf(root, ["lib/tfjs/mod.ts"]);
  const rooms = new Set(imports.map(({ to }) => to.split("/")[0]));
  assertEquals(rooms, new Set(["base", "tfjs"]));
});

Deno.test("a program that opens WebAssembly computes right, and many times faster", async () => {
  assert(await tf.setBackend("wasm"));
  assertEquals(tf.backend().constructor, BackendWasm);
  const stock = await leastTime();
  // There is no gradient of a convolution.
  await assertRejects(convolutionGradient, Error, "Conv2DBackpropFilter");

  const { name, threads } = await openBackend("wasm");
  assertEquals([name, tf.getBackend()], ["wasm", "wasm"]);
  const ours = await leastTime();
  assertEquals(
    await convolutionGradient(),
    [0, 1, 2, 4, 5, 6, 8, 9, 10].map((first) => 4 * first + 10),
  );
  console.log(
    `a product of [${SHAPE}]: ${stock.toFixed(1)} ms by TensorFlow.js, ` +
      `${ours.toFixed(1)} ms on ${threads} threads, ` +
      `${(stock / ours).toFixed(1)} times as fast`,
  );
});

Deno.test("a step is recorded and replayed on a backend that was opened", async () => {
  await openBackend("wasm", { threads: 2 });
  const weight = tf.variable(tf.scalar(3));
  const gradient = replayed((x) => [
    tf.grad((x) => tf.sum(tf.mul(weight, tf.square(x))))(x!),
  ]);
  for (let i = 0; i < 6; i++) {
    const x = tf.scalar(i), [dx] = gradient(x);
    assertEquals([...await dx!.data()], [6 * i]);
    tf.dispose([x, dx!]);
  }
  assertEquals([gradient.replays, gradient.refusal], [3, undefined]);
  gradient.dispose();
  weight.dispose();
});

Deno.test("a backend that is closed is an error, and can be opened again", async () => {
  await openBackend("wasm");
  const x = tf.add(1, 2);
  await closeBackend();
  await assertRejects(() => x.data(), Error, "was released");
  await openBackend("wasm");
  assertEquals([...await tf.add(1, 2).data()], [3]);
});

Deno.test("what cannot be opened is an error in the caller's words", async () => {
  const wrong = (value: unknown) => value as never;
  await assertRejects(() => openBackend(wrong("gpu")), RangeError, "name");
  await assertRejects(
    () => openBackend("wasm", wrong({ thread: 2 })),
    TypeError,
    'openBackend has no option "thread"; did you mean "threads"?',
  );
  await assertRejects(
    () => openBackend("wasm", { threads: 0 }),
    RangeError,
    "threads",
  );
  await closeBackend();
  await assertRejects(
    () => openBackend("wasm", { wasmPath: "/nowhere/" }),
    RangeError,
    "The wasm backend does not start here: ",
  );
  await openBackend("cpu");
});
