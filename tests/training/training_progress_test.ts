/** What the progress of training shows besides its steps. */
import { assertEquals } from "@std/assert";
import process from "node:process";
import { trainingProgress } from "../../lib/training/mod.ts";

/** The lines that a progress writes, at times that the run sets. */
async function linesOf(
  run: (at: (milliseconds: number) => void) => Promise<void>,
): Promise<string[]> {
  const { performance } = globalThis, { stderr } = process;
  const { now } = performance, { write, isTTY } = stderr;
  let time = 0, text = "";
  performance.now = () => time;
  stderr.write = (written: unknown) => Boolean(text += written);
  stderr.isTTY = false;
  try {
    await run((milliseconds) => time = milliseconds);
  } finally {
    performance.now = now;
    stderr.write = write;
    stderr.isTTY = isTTY;
  }
  return text.trimEnd().split("\n");
}

Deno.test("shaders that compile for long have a line of their own", async () => {
  const lines = await linesOf(async (at) => {
    const progress = trainingProgress();
    progress.begin({ step: 0, steps: 10 });
    progress.compiled!({ done: 0, total: 4 });
    for (const done of [1, 2, 3, 4]) {
      at(800 * done);
      progress.compiled!({ done, total: 4 });
    }
    await progress.end();
  });
  assertEquals(lines, [
    "compiling shaders: 100%|████████████████████| 4/4 [00:01<00:00, 1.88shader/s]",
    "  0%|                    | 0/10 [00:03<?, ?step/s]",
  ]);
});

Deno.test("shaders that compile at once have none, and those of a training that fails have one", async () => {
  const lines = await linesOf(async (at) => {
    const progress = trainingProgress();
    for (const [total, milliseconds] of [[4, 999], [5, 1001]] as const) {
      at(0);
      progress.begin({ step: 0, steps: 10 });
      progress.compiled!({ done: 0, total });
      at(milliseconds);
      progress.compiled!({ done: 4, total });
      await progress.end();
    }
  });
  assertEquals(lines, [
    "  0%|                    | 0/10 [00:00<?, ?step/s]",
    "compiling shaders:  80%|████████████████    | 4/5 [00:00<?, ?shader/s]",
    "  0%|                    | 0/10 [00:01<?, ?step/s]",
  ]);
});
