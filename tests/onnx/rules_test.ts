/** Every kernel of the library that a model's output needs can be written as ONNX. @module */
import { assertEquals } from "@std/assert";
import { RULES } from "../../lib/onnx/rules/mod.ts";

/** Kernels that only training or checks of it run. */
const OF_TRAINING = new Set([
  "LionBetweenTokens",
  "LionCrossEntropy",
  "LionDropout",
  "LionJoin",
  "LionSoftmaxGradient",
  "LionSquareSums",
  "LionUniform",
  "LionUpdate",
]);

/** The texts of all files of `lib`. */
async function* sources(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) {
      yield await Deno.readTextFile(new URL(name, folder));
    }
  }
}

Deno.test("every kernel of inference has a rule", async () => {
  const found = new Set<string>();
  // A kernel's description, attention's of each form, and what is recorded as one step.
  const names =
    /(?:kernel: |attention\(\s*|composed(?:<[^>]*>)?\(\s*)"(Lion\w+)"/g;
  for await (const text of sources(new URL("../../lib/", import.meta.url))) {
    for (const [, name] of text.matchAll(names)) found.add(name!);
  }
  assertEquals(found.size > 35, true, `${found.size} kernels were found`);
  const without = [...found].filter((name) =>
    !OF_TRAINING.has(name) && !Object.hasOwn(RULES, name)
  );
  assertEquals(without, []);
  const own = Object.keys(RULES).filter((name) => name.startsWith("Lion"));
  assertEquals(own.filter((name) => !found.has(name)), []);
});
