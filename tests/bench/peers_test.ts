import { assertEquals, assertRejects } from "@std/assert";
import { attentionLoop } from "../../bench/attention_loop.ts";
import {
  HEAD_DIM,
  problemOf,
  VARIANTS,
} from "../../bench/attention_problem.ts";
import { PASSES } from "../../bench/measure/tensors.ts";
import { difference } from "../../bench/measure/timing.ts";
import { startJax } from "../../bench/peers/jax_peer.ts";
import { startOnnx } from "../../bench/peers/onnx.ts";
import { startProcess } from "../../bench/peers/peer_process.ts";

const HEADS = 3;

Deno.test("ONNX Runtime's LinearAttention in both directions is LION", async () => {
  await using onnx = await startOnnx(2);
  for (const variant of VARIANTS) {
    const length = 70;
    const problem = problemOf(variant, HEADS, length);
    const vectors = [1, HEADS, length, HEAD_DIM];
    const decays = variant === "d" ? [HEADS] : [1, HEADS, length];
    await onnx.prepare({
      work: "attention",
      options: {},
      tensors: [
        { name: "q", shape: vectors, values: problem.q },
        { name: "k", shape: vectors, values: problem.k },
        { name: "v", shape: vectors, values: problem.v },
        ...(problem.logDecay
          ? [{ name: "logDecay", shape: decays, values: problem.logDecay }]
          : []),
      ],
    });
    const [y] = await onnx.outputs();
    const [expected] = attentionLoop(problem, "forward");
    assertEquals(difference(variant, [[y!, expected!]], 1e-5), null);
  }
  await onnx.release();
  // What it cannot compute is an error here, and not the end of the process.
  await assertRejects(() => onnx.run(), Error);
});

Deno.test("jax-js's scan on WebAssembly is LION-S, with gradients", async () => {
  const [jax] = await startJax(["wasm"]);
  for (const pass of PASSES) {
    const problem = problemOf("s", HEADS, 192);
    const prepared = await jax!.prepare(problem, pass);
    const got = await prepared.results();
    await prepared.run();
    await prepared.release();
    const expected = attentionLoop(problem, pass);
    assertEquals(got.length, expected.length);
    for (const [i, values] of expected.entries()) {
      const wrong = difference(`${pass} ${i}`, [[got[i]!, values]], 5e-5);
      assertEquals(wrong, null);
    }
  }
  const fixed = problemOf("d", HEADS, 64);
  await assertRejects(
    () => jax!.prepare(fixed, "forward"),
    RangeError,
    "a decay of each token",
  );
});

Deno.test("a process that cannot load its library says why", async () => {
  const program = 'console.log(JSON.stringify({ error: "no such package" }))';
  await assertRejects(
    () => startProcess("it", Deno.execPath(), ["eval", program]),
    Error,
    "no such package",
  );
});
