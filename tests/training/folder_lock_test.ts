/** Two trainings do not share a folder. @module */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { train } from "../../lib/training/mod.ts";
import { namesIn, onCpu } from "../io/files.ts";
import { tinyData, tinyModel, tinyOptions, withFolder } from "./tiny.ts";

const LOCK = new URL("../../lib/training/folder_lock.ts", import.meta.url);

/** A process that locks a folder and keeps it, perhaps without Deno's locks. */
async function keeper(
  folder: string,
  runtime: "deno" | "node",
): Promise<{ pid: number; said: string; end(): Promise<void> }> {
  const script = `
    if (${runtime === "node"}) delete Deno.FsFile.prototype.tryLock;
    const { lockFolder } = await import(${JSON.stringify(LOCK.href)});
    try {
      await lockFolder(${JSON.stringify(folder)});
      console.log("locked");
    } catch (error) {
      console.log(error.message);
    }
    await Deno.stdin.readable.getReader().read();
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", script],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const said = new TextDecoder().decode((await reader.read()).value).trim();
  return {
    pid: child.pid,
    said,
    async end() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      await child.stdin.close().catch(() => {});
    },
  };
}

const trainInto = (folder: string, steps = 3) => {
  const model = tinyModel({ depth: 1 });
  return train(
    model,
    tinyData(),
    tinyOptions({
      steps,
      optimizer: { warmUpSteps: 0 },
      checkpoints: { folder, resume: true },
    }),
  ).finally(() => model.dispose());
};

for (const runtime of ["deno", "node"] as const) {
  onCpu(
    `a folder is refused while another process trains into it, in the way of ${runtime}`,
    () =>
      withFolder(async (folder) => {
        for (let i = 0; i < 3; i++) {
          const other = await keeper(folder, runtime);
          try {
            // After a kill, the next one has it at once.
            assertEquals(other.said, "locked");
            const third = await keeper(folder, runtime);
            await third.end();
            const refusal =
              `checkpoints.folder should be one that nothing else trains into, got ${folder}, into which process ${other.pid} does`;
            assert(third.said.startsWith(refusal), third.said);
            await assertRejects(() => trainInto(folder), RangeError, refusal);
          } finally {
            await other.end();
          }
          assertEquals(await namesIn(folder), ["training.lock"]);
        }
        await trainInto(folder);
        assertEquals(await namesIn(folder), ["step-000003"]);
      }),
  );
}

onCpu(
  "a folder is refused while this process trains into it",
  () =>
    withFolder(async (folder) => {
      // Either of them may be the first to open the folder.
      const both = await Promise.allSettled([
        trainInto(folder, 10),
        trainInto(folder, 10),
      ]);
      const [trained, ...alsoTrained] = both.flatMap((one) =>
        one.status === "fulfilled" ? one.value.steps : []
      );
      assertEquals([trained, alsoTrained], [10, []]);
      const refused = both.find((one) => one.status === "rejected");
      assert(refused?.reason instanceof RangeError, String(refused?.reason));
      assertStringIncludes(
        refused.reason.message,
        `nothing else trains into, got ${folder}, into which`,
      );
      assertEquals((await trainInto(folder, 10)).losses.length, 0);
    }),
);

onCpu(
  "a lock that says nothing, or of no process, is free",
  () =>
    withFolder(async (folder) => {
      const dead = await keeper(folder, "node");
      await dead.end();
      const lock = await Deno.readTextFile(`${folder}/training.lock`);
      const { pid } = JSON.parse(lock);
      assertEquals(pid, dead.pid);
      // Another process may have its number by now.
      const reused = lock.replace(`${pid}`, `${Deno.pid}`);
      for (const text of ["", "{", "null", '{"pid":-1}', lock, reused]) {
        if (text === reused && Deno.build.os !== "linux") continue;
        for (const runtime of ["deno", "node"] as const) {
          await Deno.writeTextFile(`${folder}/training.lock`, text);
          const next = await keeper(folder, runtime);
          await next.end();
          assertEquals(next.said, "locked", `${runtime}: ${text}`);
        }
      }
    }),
);
