/** Two trainings do not share a folder. @module */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import process from "node:process";
import { lockFolder } from "../../lib/training/folder_lock.ts";
import { train, type TrainOptions } from "../../lib/training/mod.ts";
import { namesIn, onCpu } from "../io/files.ts";
import { tinyData, tinyModel, tinyOptions, withFolder } from "./tiny.ts";

/** In which locks can be taken: a system's, as Deno has them, and by name, as Node does. */
const WAYS = ["deno", "node"] as const;

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

const trainInto = (
  folder: string,
  steps = 3,
  { checkpoints, ...options }: Partial<TrainOptions> = {},
) => {
  const model = tinyModel({ depth: 1 });
  return train(
    model,
    tinyData(),
    tinyOptions({
      steps,
      optimizer: { warmUpSteps: 0 },
      checkpoints: { folder, resume: true, ...checkpoints },
      ...options,
    }),
  ).finally(() => model.dispose());
};

for (const runtime of WAYS) {
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
        for (const runtime of WAYS) {
          await Deno.writeTextFile(`${folder}/training.lock`, text);
          const next = await keeper(folder, runtime);
          await next.end();
          assertEquals(next.said, "locked", `${runtime}: ${text}`);
        }
      }
    }),
);

/** Runs in the way of a runtime. */
async function inTheWayOf<Result>(
  runtime: "deno" | "node",
  run: () => Promise<Result>,
): Promise<Result> {
  const { prototype } = Deno.FsFile;
  const own = Object.getOwnPropertyDescriptor(prototype, "tryLock")!;
  if (runtime === "node") Reflect.deleteProperty(prototype, "tryLock");
  try {
    return await run();
  } finally {
    Object.defineProperty(prototype, "tryLock", own);
  }
}

onCpu(
  "by name, folders of disks without links are locked too",
  () =>
    withFolder(async (folder) => {
      const fs = process.getBuiltinModule("node:fs/promises");
      const { link } = fs;
      const none = Object.assign(new Error("no links"), { code: "EPERM" });
      fs.link = () => Promise.reject(none);
      await inTheWayOf("node", async () => {
        const lock = await lockFolder(folder);
        await assertRejects(() => lockFolder(folder), RangeError, folder);
        await lock.release();
        assertEquals(await namesIn(folder), []);
      }).finally(() => Object.assign(fs, { link }));
    }),
);

for (const runtime of WAYS) {
  onCpu(
    `what others have put in the lock's place is replaced and not touched, in the way of ${runtime}`,
    () =>
      withFolder(async (folder) => {
        const victim = `${folder}/bashrc`, runs = `${folder}/runs`;
        const put: Record<string, (path: string) => Promise<unknown>> = {
          link: (path) => Deno.symlink(victim, path),
          "link to nothing": (path) => Deno.symlink(`${folder}/new`, path),
          "link to itself": (path) => Deno.symlink(path, path),
          "hard link": (path) => Deno.link(victim, path),
          "link to a folder": (path) => Deno.symlink(folder, path),
          pipe: (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
        };
        await inTheWayOf(runtime, async () => {
          for (const [what, make] of Object.entries(put)) {
            if (Deno.build.os === "windows") continue;
            await Deno.writeTextFile(victim, "alias ls='ls -l'\n");
            await Deno.mkdir(runs);
            await make(`${runs}/training.lock`);
            const lock = await lockFolder(runs);
            assert((await Deno.lstat(`${runs}/training.lock`)).isFile, what);
            await assertRejects(() => lockFolder(runs), RangeError, runs);
            await lock.release();
            assertEquals(await namesIn(runs), [], what);
            assertEquals(await namesIn(folder), ["bashrc", "runs"], what);
            const text = await Deno.readTextFile(victim);
            assertEquals(text, "alias ls='ls -l'\n", what);
            await Deno.remove(runs);
          }
          await Deno.mkdir(`${runs}/training.lock/mine`, { recursive: true });
          await assertRejects(
            () => lockFolder(runs),
            Error,
            `${runs}/training.lock cannot be locked: a folder is there`,
          );
          assertEquals(await namesIn(`${runs}/training.lock`), ["mine"]);
        });
      }),
  );

  onCpu(
    `a run whose folder or lock is removed has it locked again, in the way of ${runtime}`,
    () =>
      withFolder(async (folder) => {
        const runs = `${folder}/runs`, lock = `${runs}/training.lock`;
        const removals: [string, () => Promise<void>][] = [
          ["the folder", () => Deno.remove(runs, { recursive: true })],
          ["the lock", () => Deno.remove(lock)],
          ["a link", async () => {
            await Deno.remove(lock);
            await Deno.symlink("elsewhere", lock);
          }],
        ];
        for (const [what, remove] of removals) {
          if (what === "a link" && Deno.build.os === "windows") continue;
          let said: string | undefined;
          const { checkpoint } = await inTheWayOf(runtime, () =>
            trainInto(runs, 6, {
              checkpoints: { folder: runs, every: 2 },
              callbacks: {
                async onBatchEnd(_, logs) {
                  if (logs!["step"] === 3) {
                    await remove();
                  }
                  if (logs!["step"] !== 5) {
                    return;
                  }
                  const other = await keeper(runs, runtime);
                  await other.end();
                  said = other.said;
                },
              },
            }));
          assertStringIncludes(
            said!,
            `got ${runs}, into which process ${Deno.pid} does`,
          );
          assertEquals(checkpoint, `${runs}/step-000006`);
          assertEquals((await namesIn(runs)).at(-1), "step-000006", what);
          await Deno.remove(runs, { recursive: true });
        }
      }),
  );

  onCpu(
    `a run ends where another has come into its folder, which stays as it is, in the way of ${runtime}`,
    () =>
      withFolder(async (folder) => {
        const runs = `${folder}/runs`;
        const trainAnd = (meanwhile: () => Promise<unknown>) =>
          inTheWayOf(runtime, () =>
            trainInto(runs, 6, {
              checkpoints: { folder: runs, every: 2 },
              callbacks: {
                async onBatchEnd(_, logs) {
                  if (logs!["step"] !== 3) return;
                  await Deno.remove(runs, { recursive: true });
                  await meanwhile();
                },
              },
            }));
        // It has not ended.
        await Deno.mkdir(runs);
        let other: Awaited<ReturnType<typeof keeper>>;
        const refused = await assertRejects(
          () =>
            trainAnd(async () => {
              await Deno.mkdir(runs);
              other = await keeper(runs, runtime);
            }),
          RangeError,
          `got ${runs}, into which process`,
        );
        assertStringIncludes(refused.message, `process ${other!.pid} does`);
        assertStringIncludes(refused.message, "The model keeps its weights");
        assertEquals(await namesIn(runs), ["training.lock"]);
        await other!.end();
        await Deno.remove(`${runs}/training.lock`);
        // It has.
        let theirs: Uint8Array | undefined;
        const state = () => Deno.readFile(`${runs}/step-000002/state.json`);
        await assertRejects(
          () =>
            trainAnd(async () => {
              await trainInto(runs, 2, { seed: 9 });
              theirs = await state();
            }),
          RangeError,
          `got ${runs}/step-000002 of another run`,
        );
        assertEquals(await namesIn(runs), ["step-000002"]);
        assertEquals(await state(), theirs);
      }),
  );
}

onCpu("a full disk at the lock is named, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  // Two blocks: the folder is one, and links take none.
  const mount = ["-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "lion", folder];
  const { success, stderr } = await new Deno.Command("mount", { args: mount })
    .output().catch((error) => ({
      success: false,
      stderr: new TextEncoder().encode(String(error)),
    }));
  if (!success) {
    const why = new TextDecoder().decode(stderr).trim();
    console.log(`SKIPPED: no small disk can be mounted: ${why}`);
    return await Deno.remove(folder);
  }
  try {
    await Deno.writeFile(`${folder}/full`, new Uint8Array(4096));
    for (const runtime of WAYS) {
      const error = await inTheWayOf(
        runtime,
        () => assertRejects(() => lockFolder(folder), Error),
      );
      const { message } = error;
      const named = `${folder}/training.lock cannot be locked: `;
      assert(message.startsWith(named), message);
      assert(/no space left/i.test(message), message);
      assertEquals(await namesIn(folder), ["full"]);
    }
  } finally {
    await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
});
