import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mostThreads } from "../../lib/base/threads.ts";
import { asTuning } from "../../lib/backend/tuning_source.ts";
import { assertTuning } from "../../lib/kernels/tuning.ts";
import { useBackend } from "../../mod.ts";
import { threadCount } from "../../tools/command_line.ts";

const HERE = navigator.hardwareConcurrency;

Deno.test("threads are bounded by a machine's processors", () => {
  assertEquals([1, 2, 4, 5, 64].map(mostThreads), [16, 16, 16, 20, 256]);
  assertEquals(mostThreads(), mostThreads(HERE));
});

Deno.test("useBackend(), tunings and command lines have the same bound", async () => {
  const most = mostThreads();
  const here = `${HERE} processor${HERE === 1 ? "" : "s"}`;
  const bound =
    `threads should be at most ${most} on a machine of ${here}, got `;
  for (const threads of [most + 1, 1e6, 2 ** 32, 1e300]) {
    for (const source of [{ threads }, () => ({ threads })]) {
      await assertRejects(
        () => useBackend({ prefer: ["wasm"], tuning: asTuning(source) }),
        RangeError,
        `tuning.${bound}${threads}`,
      );
    }
    await assertRejects(
      () => useBackend({ prefer: ["wasm"], threads }),
      RangeError,
      `${bound}${threads}`,
    );
  }
  assertThrows(
    () => threadCount("--threads", `${most + 1}`),
    RangeError,
    `--${bound}${most + 1}`,
  );
  assertEquals(threadCount("--threads", `${most}`), most);
  assertTuning({ threads: most });
});

Deno.test("a tuning for another machine is bounded by that one's processors", () => {
  assertTuning({ threads: 256 }, 64);
  assertThrows(
    () => assertTuning({ threads: 257 }, 64),
    RangeError,
    "tuning.threads should be at most 256 on a machine of 64 processors, got 257",
  );
});
