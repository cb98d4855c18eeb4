import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BACKENDS } from "../../backends.ts";

/** As `deno task fast`, and optimised from the first call on, not when it suits V8. */
const V8_FLAGS = [
  "--experimental-wasm-revectorize",
  "--no-wasm-bounds-checks",
  "--no-liftoff",
];

Deno.test({
  name: "attention is right in the vectors of 256 bits that V8 makes [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    const child = import.meta.resolve("./wide_vectors_child.ts");
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", fileURLToPath(child)],
      env: { DENO_V8_FLAGS: V8_FLAGS.join() },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals([text(stdout), text(stderr)], ["", ""]);
  },
});
