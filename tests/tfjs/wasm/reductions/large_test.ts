import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { useBackend } from "../../../../mod.ts";
import { onEachBackend } from "../../../backends.ts";

/** A tensor of more bytes than a positive integer of 32 bits can count. */
const SIZE = 2 ** 31 + 6;

onEachBackend("bools beyond 2^31 are all or any", async () => {
  await useBackend({ prefer: ["wasm"], threads: 2 });
  const x = tf.fill([SIZE], 1, "bool");
  const values = (tf.backend() as BackendWasm).typedArrayFromHeap(x);
  /** Whether all are, and any in each of two columns. */
  const found = async () => {
    const parts = tf.tidy(() => {
      return [tf.all(x), tf.any(tf.reshape(x, [SIZE / 2, 2]), 0)];
    });
    const all = await Promise.all(parts.map((part) => part.data()));
    tf.dispose(parts);
    return all.flatMap((part) => [...part]);
  };
  assertEquals(await found(), [1, 1, 1]);
  values[SIZE - 1] = 0;
  assertEquals(await found(), [0, 1, 1]);
  values.fill(0);
  values[SIZE - 2] = 1;
  assertEquals(await found(), [0, 1, 0]);
  x.dispose();
}, ["wasm"]);
