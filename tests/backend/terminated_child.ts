/**
 * Computes on four threads inside a Worker, terminates it, and prints how many
 * threads of Workers this process has: before, with it, and in the end.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { lionAttention, useBackend } from "../../mod.ts";

/** Those that Linux knows by Deno's name for them. */
function workers(): number {
  return [...Deno.readDirSync("/proc/self/task")].filter(({ name }) => {
    try {
      const path = `/proc/self/task/${name}/comm`;
      return Deno.readTextFileSync(path).startsWith("worker-");
    } catch (error) {
      // One that has ended since the folder was read.
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }).length;
}

const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));

async function own(): Promise<void> {
  const { threads } = await useBackend({ prefer: ["wasm"], threads: 4 });
  const x = tf.ones<tf.Rank.R4>([1, 4, 512, 32]);
  const [first] = await lionAttention(x, x, x).data();
  (globalThis as unknown as Worker).postMessage({ threads, first });
  // It lives on, as do its threads.
  setInterval(() => {}, 1000);
}

async function terminate(): Promise<void> {
  const before = workers();
  const owner = new Worker(import.meta.url, { type: "module", name: "owner" });
  const { data } = await new Promise<MessageEvent>((resolve, reject) => {
    owner.onmessage = resolve;
    owner.onerror = reject;
  });
  // The threads fall asleep.
  await pause(300);
  const running = workers();
  owner.terminate();
  for (let i = 0; i < 100 && workers() > before; i++) await pause(100);
  console.log(JSON.stringify({ ...data, before, running, after: workers() }));
}

await ((globalThis as { name?: string }).name === "owner"
  ? own()
  : terminate());
