/** What a change has to pass: `deno task check`, `test`, `test:all`, `test:platforms`, `lab-test`, `mpi-test`, `site-test`, `ok`. @module */
import { readCommandLine } from "./command_line.ts";
import { notebookNames } from "./notebooks/notebook.ts";
import { runDeno } from "./run_deno.ts";

/** A command of Deno. */
interface Step {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A task: its steps, of which the first that fails ends it. */
interface Task {
  readonly about: string;
  readonly steps: readonly Step[];
}

const run = (file: string, ...args: string[]): Step => ({
  args: ["run", "-A", file, ...args],
});

const SETUP = run("tools/setup.ts");
const SETUP_TORCH = run("tools/setup.ts", "--torch");
/** Skipped by `deno task test` where PyTorch is not there, which is large. */
const TWIN: Step = {
  args: ["test", "-A", "tests/training/twin_test.ts"],
};
/**
 * Types were checked with all tests. Without Liftoff, kernels are V8's optimised
 * code from the first call on, which is where it has gone wrong.
 */
const FAST: Step = {
  args: [
    ...["run", "-A", "tools/fast.ts", "test", "-A", "--no-check"],
    ...["tests/attention", "tests/kernels", "tests/operations", "tests/tfjs"],
  ],
  env: { LION_BACKENDS: "wasm", DENO_V8_FLAGS: "--no-liftoff" },
};

/** A file's shaders are compiled on one core; two of them in memory are enough. */
const IN_PAIRS = { DENO_JOBS: "2" };

/** Those that are quickest, of all rooms of the library that notebooks enter. */
const SAMPLED_NOTEBOOKS = ["01", "03", "05"];

/** The notebooks in Jupyter; all of them without names. */
const notebooks = (...names: string[]): Step =>
  run(
    "tools/fast.ts",
    ...["run", "-A", "tools/notebooks/main.ts", "--timeout", "600", ...names],
  );

const CHECK: Task = {
  about:
    "Format, lint, types, rooms, documentation and its links, and what would be published.",
  steps: [
    { args: ["fmt", "--check"] },
    { args: ["lint"] },
    { args: ["check"] },
    run("tools/check_rooms.ts"),
    run("tools/check_docs.ts"),
    run("tools/check_links.ts"),
    { args: ["publish", "--dry-run", "--allow-dirty"] },
  ],
};

const TEST: Task = {
  about:
    `All tests, on every backend that answers. Where WebGPU is software, each
matrix of cases is a sample on it (tests/sample.ts has the rule), and is whole
on WebAssembly and in plain JavaScript. WebAssembly runs in the \`fast\` way too,
and of the notebooks ${SAMPLED_NOTEBOOKS.join(", ")}.`,
  steps: [
    SETUP,
    { args: ["test", "-A", "--doc"] },
    FAST,
    notebooks(...SAMPLED_NOTEBOOKS),
  ],
};

const PLATFORMS: Task = {
  about:
    `Uses the library as others do: in another Deno project, with the permissions
that docs/platforms.md names, in Node 20, 22 and 24 from npm's package, in Chromium.`,
  steps: [
    run("tools/setup.ts", "--platforms"),
    {
      args: [
        ...["test", "-A"],
        ...["deno_project", "permissions", "node", "browser"]
          .map((name) => `tests/platforms/${name}.ts`),
      ],
    },
  ],
};

const LAB_TEST: Task = {
  about:
    `Runs and stops a notebook in JupyterLab, in Chromium; screenshots go to
out/lab.`,
  steps: [
    run("tools/setup.ts", "--lab-test"),
    { args: ["test", "-A", "tests/lab/lab.ts"] },
  ],
};

const MPI_TEST: Task = {
  about:
    `Runs ranks under the \`mpirun\` of MPICH and of Open MPI: every operation, what
becomes of a rank that fails, and training.`,
  steps: [
    run("tools/setup.ts", "--mpi"),
    { args: ["test", "-A", "tests/mpi/mpi.ts"] },
  ],
};

const SITE_TEST: Task = {
  about:
    `Builds the page of \`deno task site\` and tries it in Chromium; screenshots go to
out/site-test.`,
  steps: [
    run("tools/setup.ts", "--platforms"),
    { args: ["test", "-A", "tests/site/site.ts", "tests/site/pages.ts"] },
  ],
};

const OK: Task = {
  about: "The whole gate: `deno task check`, then `deno task test`.",
  steps: [...CHECK.steps, ...TEST.steps],
};

const ALL =
  `All that \`deno task test\` runs, no case left out on software WebGPU, all
notebooks, and trainings beside PyTorch's.`;

/** `test:all`, or what it has that \`test\` has not. */
async function allTests(isRest: boolean): Promise<Task> {
  if (!isRest) {
    const env = { LION_TESTS: "all" };
    const whole = { args: ["test", "-A", "--doc"], env };
    return {
      about: ALL,
      steps: [SETUP, SETUP_TORCH, whole, FAST, notebooks()],
    };
  }
  const env = { LION_TESTS: "rest", LION_BACKENDS: "webgpu" };
  const names = (await notebookNames()).filter((name) =>
    !SAMPLED_NOTEBOOKS.some((start) => name.startsWith(start))
  );
  return {
    about: ALL,
    steps: [
      SETUP,
      SETUP_TORCH,
      {
        args: [
          "test",
          "-A",
          "--no-check",
          "--parallel",
          ...await sampledTests(),
        ],
        env: { ...env, ...IN_PAIRS },
      },
      TWIN,
      notebooks(...names),
    ],
  };
}

/** The files of tests that leave something out. */
async function sampledTests(folder = "tests"): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await sampledTests(path));
    if (!name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(path);
    if (text.includes('/sample.ts"')) found.push(path);
  }
  return found.sort();
}

const TASKS: Readonly<Record<string, Task>> = {
  check: CHECK,
  test: TEST,
  "test:all": await allTests(false),
  "test:platforms": PLATFORMS,
  "lab-test": LAB_TEST,
  "mpi-test": MPI_TEST,
  "site-test": SITE_TEST,
  ok: OK,
};

const commandOf = ({ args, env = {} }: Step): string =>
  [
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    "deno",
    ...args,
  ].join(" ");

function readTask(): Promise<Task> {
  const [name = "", ...args] = Deno.args;
  const task = TASKS[name];
  if (!task) throw new Error(`there is no task ${name}`);
  const hasRest = name === "test:all";
  const usage = `Usage: deno task ${name}${hasRest ? " [options]" : ""}

${task.about}

${task.steps.map((step) => `  ${commandOf(step)}`).join("\n")}
${hasRest ? "\n  --rest   only what \`deno task test\` leaves out" : ""}
  --help   print this`;
  if (!hasRest) return readCommandLine(usage, {}, () => task, args);
  return readCommandLine(
    usage,
    { rest: { type: "boolean", default: false } },
    ({ rest }) => rest ? allTests(true) : task,
    args,
  );
}

const { steps } = await readTask();
for (const { args, env } of steps) {
  const code = await runDeno(args, env);
  if (code !== 0) Deno.exit(code);
}
