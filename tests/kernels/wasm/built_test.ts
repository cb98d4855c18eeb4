/** What is committed of WebAssembly is what its source builds. @module */
import { assert } from "@std/assert";
import { moduleSource } from "../../../tools/kernels/build.ts";

Deno.test("the WebAssembly module is what its source builds", async () => {
  const built = await moduleSource();
  const committed = await Deno.readTextFile(
    new URL("../../../lib/kernels/wasm/module.ts", import.meta.url),
  );
  // Not assertEquals, which would print both.
  assert(built === committed, "run `deno task build` and commit the result");
});
