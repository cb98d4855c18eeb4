/** What is committed of WebAssembly is what its source builds. @module */
import { assert } from "@std/assert";
import { builtFiles } from "../../../tools/kernels/build.ts";

Deno.test("the WebAssembly modules are what their sources build", async () => {
  const lib = new URL("../../../lib/", import.meta.url);
  for (const [file, built] of await builtFiles()) {
    const committed = await Deno.readTextFile(new URL(file, lib));
    // Not assertEquals, which would print both.
    assert(built === committed, "run `deno task build` and commit the result");
  }
});
