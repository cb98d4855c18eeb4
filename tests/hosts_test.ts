/** Tests of kernels on hosts that this machine is not. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { explainAttention, useBackend } from "../mod.ts";
import { onEachBackend } from "./backends.ts";
import { ofLongTests } from "./sample.ts";

const HOSTS = [
  { host: "plain memory", backend: "wasm" },
  { host: "strict module", backend: "wasm" },
  { host: "GPU", backend: "webgpu" },
] as const;

/** What is run again: of the long test of random shapes a part is enough. */
const FILES = [
  "operations/operations_test.ts",
  "kernels/host_cases_test.ts",
  "hosts_test.ts",
];

const ours = Deno.env.get("LION_HOST");

for (const { host, backend } of HOSTS) {
  Deno.test({
    name: `kernels are right on the host ${host} [${backend}]`,
    ignore: ours !== undefined || !ofLongTests().includes(backend),
    fn: async () => {
      const { success, stdout, stderr } = await new Deno.Command(
        Deno.execPath(),
        {
          args: ["test", "-A", "--no-check", ...FILES],
          cwd: import.meta.dirname!,
          env: {
            LION_HOST: host,
            LION_BACKENDS: backend,
            // Of these files nothing is in a sample.
            LION_TESTS: "all",
            NO_COLOR: "1",
          },
        },
      ).output();
      const text = new TextDecoder().decode(stdout);
      assert(success, text + new TextDecoder().decode(stderr));
      assert(/\d\d+ passed/.test(text), text);
    },
  });
}

onEachBackend("the host is what was asked for", async (backend) => {
  if (ours === undefined) return;
  const x = tf.ones<tf.Rank.R4>([1, 1, 4, 2]);
  const { kernel, reason } = explainAttention(x, x, x);
  assertEquals(kernel, "LionChunkwise");
  x.dispose();
  if (backend === "webgpu") {
    const { adapter } = await useBackend({ prefer: ["webgpu"] });
    assertEquals(adapter?.description, "GPU");
    return;
  }
  const { wasm } = tf.backend() as unknown as {
    wasm: { HEAPU8: Uint8Array };
  };
  const isPlain = ours === "plain memory";
  assertEquals(wasm.HEAPU8.buffer instanceof ArrayBuffer, isPlain);
  if (isPlain) assertEquals(reason, "wasm, 1 thread");
  else assert(!WebAssembly.validate(new Uint8Array(5000)));
});
