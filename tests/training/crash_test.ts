/** Processes that end in the middle of a training. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BACKENDS } from "../backends.ts";
import { namesIn } from "../io/files.ts";
import { uniform } from "../random.ts";
import { logOf, withFolder } from "./tiny.ts";

const CHILD = new URL("child.ts", import.meta.url).pathname;

/** A training to be started. */
interface Training {
  /** Where it keeps its checkpoints and its log. */
  readonly folder: string;
  /** Steps in all. */
  readonly steps: number;
}

/** The command line that trains. */
function commandOf({ folder, steps }: Training): string[] {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", CHILD];
  return [...deno, folder, "wasm", `${steps}`];
}

/** Trains until a process has taken so many steps, and kills it some milliseconds later. */
async function trainAndKill(
  training: Training,
  { steps, milliseconds }: { steps: number; milliseconds: number },
): Promise<void> {
  const [command, ...args] = commandOf(training);
  const options = { args, stdout: "piped", stderr: "null" } as const;
  const child = new Deno.Command(command!, options).spawn();
  let taken = 0;
  for await (const bytes of child.stdout) {
    taken += bytes.filter((byte) => byte === 10).length;
    if (taken < steps) continue;
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    break;
  }
  child.kill("SIGKILL");
  assertEquals((await child.status).signal, "SIGKILL");
}

/** Trains to the end; returns the log. */
async function trainToEnd(training: Training): Promise<string> {
  const { folder, steps } = training;
  const [command, ...args] = commandOf(training);
  const child = new Deno.Command(command!, { args });
  const { success, stderr } = await child.output();
  const shown = new TextDecoder().decode(stderr);
  assert(success, shown);
  const last = new RegExp(
    `^100%\\|█+\\| ${steps}/${steps} \\[[:0-9]+<00:00, [.0-9]+(step/s|s/step), ` +
      `loss=[.0-9]+, evaluation loss=[.0-9]+, accuracy=[.0-9]+, ` +
      `examples/s=[.0-9]+\\]$`,
    "m",
  );
  assert(last.test(shown), shown);
  return await Deno.readTextFile(`${folder}/log.jsonl`);
}

Deno.test({
  name: "a run that is killed eight times ends as if it had not been",
  ignore: !BACKENDS.includes("wasm"),
  fn: () =>
    withFolder(async (folder) => {
      const [whole, killed] = [`${folder}/whole`, `${folder}/killed`];
      await Deno.mkdir(whole);
      await Deno.mkdir(killed);
      // More than eight times as many as a process takes.
      const steps = 120;
      const expected = await trainToEnd({ folder: whole, steps });
      const random = uniform(1);
      for (let kill = 0; kill < 8; kill++) {
        await trainAndKill({ folder: killed, steps }, {
          // Up to the first checkpoint and the first evaluation, and beyond.
          steps: 1 + Math.floor(8 * random()),
          milliseconds: 20 * random(),
        });
      }
      assertEquals(await trainToEnd({ folder: killed, steps }), expected);
      const state = (path: string) =>
        Deno.readFile(`${path}/runs/step-000120/state.safetensors`);
      assertEquals(await state(killed), await state(whole));
    }),
});

Deno.test({
  name: "a full disk is named, and leaves the checkpoints before it",
  ignore: Deno.build.os === "windows" || !BACKENDS.includes("wasm"),
  fn: () =>
    withFolder(async (folder) => {
      const training = { folder, steps: 30 };
      await trainAndKill(training, { steps: 12, milliseconds: 0 });
      const runs = `${folder}/runs`;
      const finished = async () =>
        (await namesIn(runs)).filter((name) => /^step-\d+$/.test(name));
      const before = await finished();
      assert(before.length >= 2);
      // In the place of a full disk: no file may have more than a few
      // kilobytes, and more is an error instead of the process's end.
      const limited = `trap '' XFSZ; ulimit -f 8; exec "$@"`;
      const { success, stderr } = await new Deno.Command("sh", {
        args: ["-c", limited, "sh", ...commandOf(training)],
      }).output();
      assertEquals(success, false);
      const shown = new TextDecoder().decode(stderr);
      assertStringIncludes(shown, `${runs}/step-`);
      assertStringIncludes(
        shown,
        `.tmp/state.safetensors cannot be written: File too large`,
      );
      assertEquals(await finished(), before);
      await trainToEnd(training);
      const log = await logOf(`${folder}/log.jsonl`);
      const steps = log.filter(({ loss }) => loss).map(({ step }) => step);
      assertEquals(steps, Array.from({ length: 30 }, (_, i) => i + 1));
    }),
});
