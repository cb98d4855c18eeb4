/** What a change has to pass: `deno task check`, `test`, `test:all`, `test:platforms`, `test:dawn`, `test:onnx`, `lab-test`, `mpi-test`, `site-test`, `ok`. @module */
import { MODELS, PACKAGES } from "./check_rooms.ts";
import { readCommandLine } from "./command_line.ts";
import { notebookNames } from "./notebooks/notebook.ts";
import { QUICK_SHADERS } from "./quick_shaders.ts";
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
/**
 * Files of tests run side by side, each with a thread of WebAssembly's. They are
 * four on two cores, since Deno sleeps for 10 ms whenever a tensor is read from
 * WebGPU.
 */
const SIDE_BY_SIDE = {
  ...QUICK_SHADERS,
  DENO_JOBS: "4",
  LION_PROCESSORS: "1",
};

/**
 * They set the environment, look at what is in the repository, measure how soon
 * threads come or what a machine is: what runs beside them would be in their way.
 */
const APART = [
  "tests/backend/tuning_test.ts",
  "tests/notebook/figure_test.ts",
  "tests/tfjs/wasm/host_test.ts",
  "tests/tfjs/wasm/threads_test.ts",
  "tests/tools/tasks_test.ts",
  "tests/tools/tune_test.ts",
];

/** They need PyTorch, which is large: `deno task test:all` installs it. */
const BESIDE_TORCH_FILES = [
  "tests/bench/torch_test.ts",
  "tests/hub/torch_test.ts",
  "tests/training/twin_test.ts",
];

/**
 * Each imports the files of tests of one room: they share a worker, which loads the
 * library, opens backends and prepares programs of WebGPU once for all of them.
 */
const ROOMS = new Map(
  await Promise.all(
    (await filesIn("tests/together")).map(async (room) =>
      [room, await filesOfRoom(room)] as const
    ),
  ),
);

/** The files of tests that have another place than a worker of their own, side by side. */
const PLACED = [...ROOMS.values(), APART, BESIDE_TORCH_FILES].flat();
const twice = PLACED.filter((file, i) => PLACED.indexOf(file) !== i);
if (twice.length > 0) throw new Error(`${twice} would run twice`);

/**
 * All tests, but for those apart and beside PyTorch. Of folders Deno begins with those
 * whose paths are longest, and goes on in this order where they are equally long: what
 * takes long is in `tests/together`. What is in no room runs programs of its own, loses
 * devices, wants a library that nothing has used yet, or has no others beside it.
 */
const SIDE_BY_SIDE_FILES = [...ROOMS.keys(), ...await testsIn("tests")]
  .filter((file) => !PLACED.includes(file));

/** Each imports rooms whose tests on WebGPU share a worker, as tests/parted_rooms.ts has it. */
const ON_WEBGPU = await filesIn("tests/together_on_webgpu");
const PARTED_ROOMS = (await Promise.all(ON_WEBGPU.map(filesOfRoom))).flat();

/**
 * All tests: first those that run side by side. `deno task check` has checked their types.
 *
 * @param env What `tests/sample.ts` reads.
 * @param onWebGpu The rooms on WebGPU: not where no case is left out, which takes too
 * long for few workers.
 */
const wholeTests = (
  env: Readonly<Record<string, string>> = {},
  onWebGpu: readonly string[] = ON_WEBGPU,
): Step[] => [
  {
    args: [
      ...["test", "-A", "--no-check", "--parallel"],
      ...["--preload", "tests/parted_rooms.ts"],
      ...[...onWebGpu, ...SIDE_BY_SIDE_FILES],
    ],
    env: {
      ...SIDE_BY_SIDE,
      ...env,
      LION_PARTED_ROOMS: onWebGpu.length > 0 ? PARTED_ROOMS.join() : "",
    },
  },
  {
    args: ["test", "-A", "--no-check", ...APART],
    env: { ...QUICK_SHADERS, ...env },
  },
];

const BESIDE_TORCH: Step = {
  args: ["test", "-A", "--no-check", "--parallel", ...BESIDE_TORCH_FILES],
  env: SIDE_BY_SIDE,
};

/** What is tested once more in the `fast` way. */
const FAST_FOLDERS = [
  "tests/attention",
  "tests/kernels",
  "tests/operations",
  "tests/subjects",
  "tests/tfjs",
];

/** Where nothing runs on WebAssembly, and what builds its module. */
const SAME_WHEN_FAST = /\/webgpu\/|^tests\/kernels\/wasm\/built_test\.ts$/;

const FAST_FILES = (await Promise.all(FAST_FOLDERS.map(testsIn))).flat()
  .filter((file) => !SAME_WHEN_FAST.test(file));

/**
 * Without Liftoff, kernels are V8's optimised code from the first call on, which
 * is where it has gone wrong. They have all threads, which those that run side by
 * side above have not.
 *
 * @param tests The part of the matrices, as tests/sample.ts has it.
 */
function fast(tests: "fast" | "all"): Step[] {
  const env = {
    LION_BACKENDS: "wasm",
    LION_TESTS: tests,
    DENO_V8_FLAGS: "--no-liftoff",
    DENO_JOBS: "2",
  };
  const program = ["run", "-A", "tools/fast.ts", "test", "-A", "--no-check"];
  const rooms = [...ROOMS].filter(([, files]) =>
    files.every((file) => FAST_FILES.includes(file))
  );
  const inRooms = rooms.flatMap(([, files]) => files);
  const isApart = (file: string) => APART.includes(file);
  const together = [
    ...rooms.map(([room]) => room),
    ...FAST_FILES.filter((file) => !isApart(file) && !inRooms.includes(file)),
  ];
  return [
    { args: [...program, "--parallel", ...together], env },
    { args: [...program, ...FAST_FILES.filter(isApart)], env },
  ];
}

/** Those that are quickest, of all rooms of the library that notebooks enter. */
const SAMPLED_NOTEBOOKS = ["01", "03", "05"];

/** The notebooks in Jupyter; all of them without names. */
const notebooks = (...names: string[]): Step =>
  run(
    "tools/fast.ts",
    ...["run", "-A", "tools/notebooks/main.ts", "--timeout", "600"],
    ...["--at-once", "2", ...names],
  );

const CHECK: Task = {
  about:
    `Checks format, lint, types (of notebooks, and by another project's options, too),
rooms, documentation, links, and what would be published.`,
  steps: [
    { args: ["fmt", "--check"] },
    { args: ["lint"] },
    // A folder stands for its programs, and not for the documents in it.
    { args: ["check", "--doc", ".", ...await documents()] },
    run("tools/check_elsewhere.ts"),
    run("tools/notebooks/main.ts", "--check"),
    run("tools/check_rooms.ts"),
    run("tools/check_docs.ts"),
    run("tools/check_links.ts"),
    ...[
      "deno.json",
      ...Object.keys(PACKAGES).map((name) => `lib/${name}/deno.json`),
      ...MODELS.map((name) => `models/${name}/deno.json`),
    ]
      .map((config) => ({
        args: ["publish", "--dry-run", "--allow-dirty", "--config", config],
      })),
  ],
};

const TEST: Task = {
  about:
    `Runs all tests, on every backend that answers. Software WebGPU gets a sample of
each matrix of cases (by tests/sample.ts), WebAssembly all cases; files run side
by side, with one thread each. Then tests a sample on WebAssembly under \`deno task
fast\`, with all threads, and runs these notebooks:
${SAMPLED_NOTEBOOKS.join(", ")}.`,
  steps: [
    SETUP,
    ...wholeTests(),
    ...fast("fast"),
    notebooks(...SAMPLED_NOTEBOOKS),
  ],
};

const PLATFORMS: Task = {
  about:
    `Uses the library as others do: in another Deno project, with the permissions
that docs/platforms.md lists, in Node 20, 22 and 24 from the npm package, and in
Chromium.`,
  steps: [
    run("tools/setup.ts", "--platforms"),
    {
      args: [
        ...["test", "-A", "--no-check"],
        ...[
          "deno_project",
          "permissions",
          "node",
          "browser",
          "images",
          "hub_page",
          "downloads",
        ]
          .map((name) => `tests/platforms/${name}.ts`),
      ],
    },
  ],
};

/** Tests of which each kernel of ours is in some, and what WebGPU does when it fails. */
const ON_DAWN = [
  "tests/attention/softmax_attention_test.ts",
  "tests/kernels/memory_failure_test.ts",
  "tests/kernels/webgpu/guaranteed_limits_test.ts",
  "tests/tfjs/webgpu/optimizers/common_buffers_test.ts",
  "tests/tfjs/webgpu/optimizers/update_test.ts",
  "tests/tfjs/optimizers/adam_test.ts",
  "tests/tfjs/optimizers/tfjs_optimizers_test.ts",
  "tests/tfjs/webgpu/broadcast_test.ts",
  "tests/tfjs/webgpu/caches_test.ts",
  "tests/tfjs/webgpu/captured_launches_test.ts",
  "tests/tfjs/webgpu/gpu_backend_test.ts",
  "tests/tfjs/webgpu/gpu_buffers_test.ts",
  "tests/tfjs/webgpu/gpu_error_test.ts",
  "tests/tfjs/webgpu/gpu_loss_test.ts",
  "tests/tfjs/webgpu/launch_test.ts",
  "tests/tfjs/webgpu/subgroups_test.ts",
  "tests/training/record_callbacks_test.ts",
];

/** Tests that need no results, of every text in every variant. */
const CHECKED_BY_DAWN = [
  "tests/dawn/texts.ts",
  "tests/kernels/webgpu/recurrent_shaders_test.ts",
  "tests/kernels/webgpu/scan_shaders_test.ts",
  "tests/kernels/webgpu/shaders_test.ts",
  "tests/kernels/webgpu/softmax_shaders_test.ts",
  "tests/kernels/webgpu/transition_shaders_test.ts",
];

/** Tests with Dawn in the place of Deno's own WebGPU. */
const onDawn = (adapter: "swiftshader" | "null", files: string[]): Step => ({
  args: [
    ...["test", "-A", "--no-check", "--no-lock"],
    ...["--preload", "tests/dawn/preload.ts"],
    ...files,
  ],
  env: { LION_BACKENDS: "webgpu", LION_DAWN: adapter },
});

const TEST_DAWN: Task = {
  about:
    `Runs tests on Dawn, Chrome's WebGPU, at the limits that WebGPU guarantees:
first those of kernels, training and failures, on SwiftShader; then Dawn's
compiler checks all our shaders, on an adapter that computes nothing.`,
  steps: [
    run("tools/setup.ts", "--dawn"),
    onDawn("swiftshader", ON_DAWN),
    onDawn("null", CHECKED_BY_DAWN),
  ],
};

const LAB_TEST: Task = {
  about:
    `Runs and stops a notebook in JupyterLab, in Chromium; screenshots go to
out/lab.`,
  steps: [
    run("tools/setup.ts", "--lab-test"),
    { args: ["test", "-A", "--no-check", "tests/lab/lab.ts"] },
  ],
};

const MPI_TEST: Task = {
  about:
    `Runs ranks under the \`mpirun\` of MPICH and of Open MPI: every operation,
failing ranks, and training.`,
  steps: [
    run("tools/setup.ts", "--mpi"),
    { args: ["test", "-A", "--no-check", "tests/mpi/mpi.ts"] },
  ],
};

const SITE_TEST: Task = {
  about:
    `Builds the page of \`deno task site\` and tries it in Chromium, with a sample of
the documentation; screenshots go to out/site-test. All pages that it has built are
looked at by \`deno run -A tests/site/every_page.ts\`.`,
  steps: [
    run("tools/setup.ts", "--platforms"),
    {
      args: [
        ...["test", "-A", "--no-check"],
        ...["site", "own_data", "pages", "annotated"].map((name) =>
          `tests/site/${name}.ts`
        ),
      ],
    },
  ],
};

const TEST_ONNX: Task = {
  about:
    `Runs exported models in ONNX Runtime, for Node and for pages, and folders in
transformers.js, in Node and in Chromium. npm puts their packages, 600 MB, into
out/onnx.`,
  steps: [
    run("tools/setup.ts", "--platforms"),
    { args: ["test", "-A", "--no-check", "tests/onnx/runtimes.ts"] },
  ],
};

const OK: Task = {
  about: "Runs the gate: `deno task check`, then `deno task test`.",
  steps: [...CHECK.steps, ...TEST.steps],
};

const ALL =
  `Runs all that \`deno task test\` does, with every case on software WebGPU, all
notebooks, and training compared with PyTorch's.`;

/** `test:all`, or what it has that \`test\` has not. */
async function allTests(isRest: boolean): Promise<Task> {
  if (!isRest) {
    const whole = wholeTests({ LION_TESTS: "all" }, []);
    return {
      about: ALL,
      steps: [
        ...[SETUP, SETUP_TORCH, ...whole, BESIDE_TORCH],
        ...[...fast("all"), notebooks()],
      ],
    };
  }
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
        env: {
          ...SIDE_BY_SIDE,
          LION_TESTS: "rest",
          LION_BACKENDS: "webgpu,cpu",
        },
      },
      BESIDE_TORCH,
      notebooks(...names),
    ],
  };
}

/** The documents with programs, which tests run. */
async function documents(): Promise<string[]> {
  const found = ["README.md", "lib/tfjs/README.md"];
  for await (const { name } of Deno.readDir("docs")) {
    if (name.endsWith(".md")) found.push(`docs/${name}`);
  }
  return found.sort();
}

/** The files in a folder, and in its own. */
async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await filesIn(path));
    else found.push(path);
  }
  return found.sort();
}

/** The files of tests in a folder, and in its own. */
async function testsIn(folder: string): Promise<string[]> {
  return (await filesIn(folder)).filter((file) => file.endsWith("_test.ts"));
}

/** The files of tests that a room's imports. */
async function filesOfRoom(room: string): Promise<string[]> {
  const text = await Deno.readTextFile(room);
  return [...text.matchAll(/^import "\.\.\/(.+)";$/gm)]
    .map(([, path]) => `tests/${path}`);
}

/** The files of tests that leave something out, by themselves or by the checks of subjects. */
async function sampledTests(): Promise<string[]> {
  const found: string[] = [];
  for (const path of await testsIn("tests")) {
    const text = await Deno.readTextFile(path);
    if (/\/(sample|checks|equality)\.ts"/.test(text)) found.push(path);
  }
  return found;
}

const TASKS: Readonly<Record<string, Task>> = {
  check: CHECK,
  test: TEST,
  "test:all": await allTests(false),
  "test:platforms": PLATFORMS,
  "test:dawn": TEST_DAWN,
  "test:onnx": TEST_ONNX,
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

Its commands, one after another:

${task.steps.map((step) => `  ${commandOf(step)}`).join("\n")}
${
    hasRest
      ? "\n  --rest   what \`deno task test\` leaves out: one in 211 on software WebGPU"
      : ""
  }
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
