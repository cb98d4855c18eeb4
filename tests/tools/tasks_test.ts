/** Every task of deno.json explains itself, and does nothing when asked to. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import pLimit from "p-limit";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { default: config } = await import("../../deno.json", {
  with: { type: "json" },
});

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Deno in the repository, as a person would. */
async function deno(args: readonly string[]): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/**
 * Runs a task's program as its command does, without what stands before it: `deno
 * task` and tools/fast.ts are two more processes, which tests of their own have.
 */
function program(name: string, args: readonly string[]): Promise<Result> {
  const { command } = config.tasks[name as keyof typeof config.tasks];
  const [, own] = /^deno (?:run -A tools\/fast\.ts (?=run ))?(run \S.*)$/
    .exec(command)!;
  return deno([...own!.split(" "), ...args]);
}

/**
 * What the tasks answer to arguments, each by its name; as many at once as there are
 * processors.
 */
function answers(
  ...args: readonly string[]
): Readonly<Record<string, Promise<Result>>> {
  const limit = pLimit(navigator.hardwareConcurrency);
  return Object.fromEntries(
    Object.keys(config.tasks).map((name) => [
      name,
      limit(() => program(name, args)),
    ]),
  );
}

/** All paths in the repository, git's own excepted. */
async function pathsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name === ".git") continue;
    const path = `${folder}/${name}`;
    found.push(path);
    if (isDirectory) found.push(...await pathsIn(path));
  }
  return found.sort();
}

Deno.test("deno task lists first what a newcomer needs, and says what each is", () => {
  const names = Object.keys(config.tasks);
  assertEquals(names.slice(0, 8), [
    ...["demo", "train", "lab", "notebooks", "test", "bench", "report", "site"],
  ]);
  for (const [name, { description }] of Object.entries(config.tasks)) {
    assert(
      /^[A-Z][a-z]+\b.*[^.]$/.test(description),
      `${name}: ${description}`,
    );
    assert(description.length <= 130, `${name}: ${description.length} letters`);
    for (const [, other] of description.matchAll(/deno task (\S+)/g)) {
      assert(names.includes(other!), `${name} names the task ${other}`);
    }
  }
});

Deno.test("--help of each task explains it, and nothing happens", async (t) => {
  const before = await pathsIn(ROOT);
  for (const name of Object.keys(config.tasks)) {
    await t.step(name, async () => {
      const [long, short] = await Promise.all([
        deno(["task", "--quiet", name, "--help"]),
        program(name, ["-h"]),
      ]);
      assertEquals(long!.code, 0, long!.stderr);
      const usage = new RegExp(`^Usage: deno task ${name}( |\n)`);
      assert(usage.test(long!.stdout), long!.stdout);
      // `test` and its like list their commands, which are as long as they are.
      const wide = long!.stdout.split("\n").filter((line) =>
        line.length > 85 && !/^ {2}(\w+=\S* )*deno /.test(line)
      );
      assertEquals(wide, [], "lines of a usage fit a terminal");
      assertEquals(short, long);
    });
  }
  assertEquals(await pathsIn(ROOT), before);
});

Deno.test("an option that a task does not have ends it with 2, and no stack", async (t) => {
  const before = await pathsIn(ROOT);
  for (const [name, answer] of Object.entries(answers("--nonsense"))) {
    await t.step(name, async () => {
      const result = await answer;
      assertEquals(result.code, 2, result.stderr);
      assertEquals(result.stdout, "");
      assertStringIncludes(result.stderr, "--nonsense");
      const where = `(\`deno task ${name} --help\` explains it)\n`;
      // One line, which no usage and no stack pushes out of sight.
      assert(result.stderr.endsWith(where), result.stderr);
      assertEquals(result.stderr.split("\n").length, 2, result.stderr);
    });
  }
  assertEquals(await pathsIn(ROOT), before);
});

const MISTAKES: Readonly<Record<string, [args: string, message: string][]>> = {
  demo: [
    ["--epochs 0", '--epochs should be above 0, got "0"'],
    ["--variant x", "--variant should be one of lit, d, s, softmax, gla"],
    ["--seed 1.5", '--seed should be an integer, got "1.5"'],
    ["--out", "--out should have a value, got none"],
    ["--out deno.json/x", "--out should be a file that can be written"],
    ["--out docs", "got docs: there is a folder"],
    ["--epoch 3", "there is no option --epoch; did you mean --epochs?"],
    ["--epochs abc", '--epochs should be a number, got "abc"'],
    ["--epochs -1", '--epochs should be above 0, got "-1"'],
    ["--variant lot", 'got "lot"; did you mean "lit"?'],
    ["more", 'unexpected argument "more"'],
  ],
  train: [
    ["", "RECIPE should be one of mnist-vit, mlm, classify"],
    ["mqar --only me", "--only should be one of softmax"],
    ["mlm --epoch 3", "there is no option --epoch. (`deno task train --help`"],
    ["all --only me", "--only should be one of mnist-vit, mlm, classify"],
    ["mqar --seeds 2.5", '--seeds should be a whole number, got "2.5"'],
    ["mqar --backend gpu", "--backend should be one of webgpu, wasm, cpu"],
    ["mqar --data cats", "--data should be with one of imagenet, cifar100"],
    ["--smoke all --size base", "--size should be with one of imagenet"],
    ["imagenet --size large", "--size should be one of small, tiny, base"],
    ["lra-image --size base", "--size should not be with lra-image"],
    ["imagenet --data cats --hub", "--hub should be without --data"],
    ["imagenet --accumulate 3", "--accumulate should divide the batch size"],
  ],
  pack: [
    ["--output docs", "--output should be a file that can be written"],
    ["tfj", "PACKAGE should be one of lion, base, tfjs, data"],
  ],
  results: [
    ["--folder nowhere", "--folder should be of what was trained"],
    ["--again nowhere", "--again should be of what was trained"],
    ["mqar.json", 'unexpected argument "mqar.json"'],
  ],
  fuzz: [
    ["--minutes 0", '--minutes should be above 0, got "0"'],
    ["--minutes 1 --cases 2", "--minutes and --cases should not be given"],
    ["--only nothing", "--only should be one of operations, tensorflow"],
    ["--backend gpu", "--backend should be one of wasm, webgpu, cpu"],
    ["--seed 1.5", '--seed should be an integer, got "1.5"'],
    ["--path 0:1", "--path is of one case: --cases 1"],
  ],
  notebooks: [
    ["99", "no notebook is called 99"],
    ["--at-once 0", '--at-once should be above 0, got "0"'],
  ],
  bench: [
    ["--only nothing", "--only should be one of forms, lengths"],
    ["--threads 0", '--threads should be above 0, got "0"'],
    ["out.json", 'unexpected argument "out.json"'],
    ["--pack out.zip", '--pack should end with .tar.gz, got "out.zip"'],
    ["--rounds 3", "--rounds is of --compare"],
    ["--compare nowhere", "--compare should be a revision of this repository"],
    ["--compare HEAD --only lengths", "--only should be one of forms, softmax"],
    ["--compare HEAD --lengths 0", '--lengths should be above 0, got "0"'],
    ["--compare HEAD --backend wasm,cpu", "--backend should be one with --com"],
  ],
  report: [
    ["--only nothing", "--only should be one of forms, lengths"],
    ["--backend gpu", "--backend should be one of wasm, webgpu, cpu"],
    ["out", 'unexpected argument "out"'],
  ],
  site: [
    ["--port 9000", "--port is of --serve"],
    ["--serve --port 65536", "--port should be below 65536, got 65536"],
    ["-serve", "there is no option -serve; did you mean --serve?"],
    ["--help=all", "there is no option --help=all; did you mean --help?"],
    ["-5", "there is no option -5."],
  ],
  tune: [
    ["--file=", '--file should be a path, got ""'],
    ["--file docs", "got docs: there is a folder"],
    ["--backend wasm,cpu", "--backend should be one of wasm, webgpu"],
  ],
  fast: [["", "COMMAND should be a command of Deno, got nothing"]],
};

for (const [name, mistakes] of Object.entries(MISTAKES)) {
  Deno.test(`deno task ${name} names what is wrong with a value`, async () => {
    const results = await Promise.all(
      mistakes.map(([args]) => program(name, args.split(" ").filter(Boolean))),
    );
    for (const [i, { code, stderr }] of results.entries()) {
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, mistakes[i]![1]);
      assertEquals(stderr.split("\n").length, 2, stderr);
    }
  });
}

Deno.test("deno task fast hands on flags, arguments and the exit code", async () => {
  const code = "console.log(Deno.env.get('DENO_V8_FLAGS'), Deno.args.join());" +
    "Deno.exit(3)";
  const result = await deno(
    ["task", "--quiet", "fast", "eval", code, "--help", "-x"],
  );
  assertEquals(result.code, 3, result.stderr);
  assertEquals(
    result.stdout.trim(),
    "--experimental-wasm-revectorize,--no-wasm-bounds-checks --help,-x",
  );
});

Deno.test({
  name: "deno task fast hands SIGTERM on",
  // Windows has no such signal.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const program = "Deno.addSignalListener('SIGTERM', () => " +
      "{ console.log('heard'); Deno.exit(7); }); console.log('ready'); " +
      "setTimeout(() => {}, 60_000)";
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tools/fast.ts", "eval", program],
      cwd: ROOT,
      stdout: "piped",
    }).spawn();
    let output = "";
    for await (
      const text of child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      if (!output.includes("ready") && (output + text).includes("ready")) {
        child.kill("SIGTERM");
      }
      output += text;
    }
    assertEquals(output.trim().split("\n"), ["ready", "heard"]);
    assertEquals((await child.status).code, 7);
  },
});
