/** Packages are made from data to card, by a command that can be stopped and continued. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(
  new URL("../../tools/models/main.ts", import.meta.url),
);

/** Runs the command; returns its exit code and what it says. */
async function models(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...args],
  }).output();
  const text = new TextDecoder();
  return { code, said: text.decode(stdout), failed: text.decode(stderr) };
}

Deno.test("deno task models goes through all stages of each recipe in seconds", async () => {
  const { code, said, failed } = await models("--smoke");
  assertEquals([code, code === 0 ? "" : failed], [0, ""]);
  for (
    const line of [
      "sudoku: 0 of 4 test puzzles are trained on",
      "sudoku: float32 after 3 steps, hard, 1: ",
      "sudoku: twin left to right, seed 1, 2 steps, hard, 1: ",
      "sudoku: card",
      "gaps: twin causal, seed 1, 2 steps: error ",
      "gaps: error on later parts of these series: ",
      "gaps: card",
      "languages: the table tells ",
      "languages: card",
      "infilling: pack",
    ]
  ) assertStringIncludes(said, line);
  assertMatch(said, /infilling: [\d.]+ ± [\d.]+ bits per byte on 2 held-out/);
});

Deno.test("deno task models explains itself, and refuses what there is not", async () => {
  const { code, said } = await models("--help");
  assertEquals(code, 0);
  assertStringIncludes(said, "sudoku");
  for (const args of [["sudko"], ["sudoku", "--stages", "tarin"]]) {
    const { code, failed } = await models(...args);
    assertEquals(code, 2);
    assertMatch(failed, /did you mean|should be one of/);
  }
});
