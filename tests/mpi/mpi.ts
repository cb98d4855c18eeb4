/** Ranks under MPICH's and Open MPI's `mpirun`: `deno task mpi-test`. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { fileURLToPath } from "node:url";
import { useBackend } from "../../mod.ts";
import { BACKENDS } from "../backends.ts";
import { VERSION } from "../../lib/base/version.ts";
import { train } from "../../lib/training/mod.ts";
import { uniform } from "../random.ts";
import { logOf, weightsOf, withFolder } from "../training/tiny.ts";
import { RankJob } from "../../bench/rank_job.ts";
import { PROBLEM, type Reply, type Request } from "../../bench/rank_problem.ts";
import { denoRun } from "../../tools/mpirun.ts";
import { IMPLEMENTATIONS, launch, launchCommand } from "./launch.ts";
import { withCopy } from "./other_version.ts";
import { assertRounded, moveWeights } from "./rounding.ts";
import { unevenData, unevenModel, unevenOptions } from "./uneven.ts";

/** A rank that fails ends the job within so many seconds, its start included. */
const SECONDS_TO_END = 30;

/** Ranks that differ say so within so many seconds, their start included. */
const SECONDS_TO_TELL = 60;

/** So long after one of them does something else, however busy the machine. */
const SECONDS_BETWEEN_RANKS = 5;

/** Steps of a training, each of which adds to a weight once. */
const STEPS = 50;

/** How many ranks share the tokens of a sequence, and where they compute. */
const SHARING = [[2, "wasm"], [3, "wasm"], [4, "wasm"], [3, "cpu"]] as const;

/**
 * What ranks share of a sequence is ours, in operations that are each tried under
 * both MPIs: under the second, three ranks are enough, of which one has neighbours
 * on both sides.
 */
const isShared = (name: string, ranks: number, backend = "wasm") =>
  name === IMPLEMENTATIONS[0]!.name || ranks === 3 && backend === "wasm";

/** What a training came to. */
interface Result {
  readonly losses: readonly number[];
  readonly weights: readonly number[];
  readonly evaluation: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly aborted: boolean;
}

/** One process, without a communicator; then from weights that have moved by a rounding. */
const REFERENCES: Promise<Result[]> = (async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const random = uniform(1);
  const results: Result[] = [];
  for (const isMoved of [false, true, true]) {
    const model = unevenModel();
    if (isMoved) await moveWeights(model, random);
    const result = await train(model, unevenData(), unevenOptions({}));
    results.push({ ...result, weights: (await weightsOf(model)).flat() });
    model.dispose();
  }
  return results;
})();

/** Fails unless a training, from a step on, came to what one process does, but for rounding. */
async function assertTrained(actual: Result, from = 0) {
  const partsOf = ({ losses, weights, evaluation }: Result) => ({
    losses,
    weights,
    evaluation: Object.values(evaluation),
  });
  const [expected, ...moved] = (await REFERENCES).map((result) =>
    partsOf({ ...result, losses: result.losses.slice(from) })
  );
  for (const [name, values] of Object.entries(partsOf(actual))) {
    const part = name as keyof typeof expected & string;
    assertRounded(values, {
      values: expected![part],
      moved: moved.map((parts) => parts[part]),
      terms: STEPS,
    }, name);
  }
}

for (const implementation of IMPLEMENTATIONS) {
  const { name } = implementation;
  for (const ranks of [2, 3, 4]) {
    Deno.test(`${name}: every operation on ${ranks} ranks`, async () => {
      const program = "collectives.ts";
      const { code, stdout, stderr } = await launch(implementation, {
        ranks,
        program,
      });
      assertEquals(code, 0, stdout + stderr);
      for (let rank = 0; rank < ranks; rank++) {
        assertStringIncludes(stdout, `rank ${rank} of ${ranks} on ${name}`);
      }
    });
  }

  // For its own tests, MPICH can take odd and even ranks for two machines'.
  if (name === "MPICH") {
    Deno.test(`${name}: ranks of two machines know which of their own they are`, async () => {
      const [variable, program] = [
        "MPIR_CVAR_ODD_EVEN_CLIQUES",
        "collectives.ts",
      ];
      Deno.env.set(variable, "1");
      try {
        const args = ["2"];
        const job = await launch(implementation, { ranks: 4, program, args });
        assertEquals(job.code, 0, job.stdout + job.stderr);
      } finally {
        Deno.env.delete(variable);
      }
    });
  }

  const ENDS: Readonly<Record<string, string | undefined>> = {
    throw: "RangeError: the reason",
    exchange: "RangeError: the reason",
    reject: "RangeError: the reason",
    timer: "RangeError: the reason",
    exit: "it ended before close()",
    end: "it ended before close()",
    // It has no time to say anything: mpirun sees that it is gone.
    kill: undefined,
  };
  for (const [how, reason] of Object.entries(ENDS)) {
    Deno.test(`${name}: no rank waits for one that has failed: ${how}`, async () => {
      await withFolder(async (folder) => {
        const { code, stdout, stderr } = await launch(implementation, {
          ranks: 3,
          program: "failure.ts",
          args: [how, folder],
        }, SECONDS_TO_END);
        assert(code !== -1, `it hangs: ${stdout}${stderr}`);
        assert(!stdout.includes("went on"), stdout);
        const processes = [...Deno.readDirSync(folder)].map(({ name }) => name);
        assertEquals(processes.length, 3);
        await untilEnded(processes);
        // MPICH's mpirun may return 0 where a signal has ended a rank.
        if (reason === undefined) return;
        assert(code !== 0, stdout);
        assertStringIncludes(stderr, `rank 2 of 3 ends the job: ${reason}`);
      });
    });
  }

  const STOPPED: Readonly<Record<string, string>> = {
    allreduce: "allreduce (sum) of 1 number (Float32Array)",
    message: "rank 1 to send a message",
    exchange: "rank 2 to send a message",
  };
  for (const [how, what] of Object.entries(STOPPED)) {
    Deno.test(`${name}: a rank that is stopped is named, once: ${how}`, async () => {
      const { code, stdout, stderr } = await launch(implementation, {
        ranks: 3,
        program: "stopped.ts",
        args: [how],
      }, SECONDS_TO_TELL);
      assertEquals(code, 0, stdout + stderr);
      assertEquals(stdout.split("went on").length - 1, 3, stdout + stderr);
      const named = stderr.match(/rank \d has waited .*/g) ?? [];
      assertEquals(named.length, 1, stderr);
      assertMatch(named[0]!, /^rank 0 has waited \d+ s for /);
      assertStringIncludes(
        named[0]!,
        `${what}, and nothing is heard of rank 2: `,
      );
    });
  }

  for (const [ranks, backend] of SHARING) {
    if (!isShared(name, ranks, backend)) continue;
    Deno.test(`${name}: ${ranks} ranks share the tokens on ${backend}`, async () => {
      const { code, stdout, stderr } = await launch(implementation, {
        ranks,
        program: "sequence.ts",
        args: [backend],
      });
      assertEquals(code, 0, stdout + stderr);
      assertStringIncludes(stdout, "cases are the same");
    });
  }

  for (const ranks of [2, 3, 4]) {
    if (!isShared(name, ranks)) continue;
    Deno.test(`${name}: ${ranks} ranks share a model's tokens`, async () => {
      const program = "shared_models.ts";
      const job = await launch(implementation, { ranks, program });
      assertEquals(job.code, 0, job.stdout + job.stderr);
      assertStringIncludes(job.stdout, "arrays are the same");
    });
  }

  for (const ranks of [2, 3, 4]) {
    Deno.test(`${name}: ${ranks} ranks train as one process does`, async () => {
      await withFolder(async (folder) => {
        const result = await trained(ranks, folder);
        assertEquals(result.steps, STEPS);
        await assertTrained(result);
        const lines = await logOf(`${folder}/log.jsonl`);
        const losses = lines.filter(({ loss }) => loss !== undefined);
        assertEquals(losses.map(({ loss }) => loss), result.losses);
      });
    });
  }

  Deno.test(`${name}: a run of 3 ranks stops, and 2 go on with it`, async () => {
    await withFolder(async (folder) => {
      const begun = await trained(3, folder, "stop");
      // What one rank hears is told to the others with the next step.
      assertEquals([begun.steps, begun.aborted], [23, true]);
      const rest = await trained(2, folder);
      assertEquals(rest.aborted, false);
      await assertTrained({
        ...rest,
        losses: [...begun.losses, ...rest.losses],
      });
    });
  });

  Deno.test(`${name}: where a rank is killed, others go on from the last checkpoint`, async () => {
    await withFolder(async (folder) => {
      const { code, stdout, stderr } = await launch(implementation, {
        ranks: 2,
        program: "training.ts",
        args: [folder, "kill"],
      });
      assert(code !== -1, `it hangs: ${stdout}${stderr}`);
      await assertRejects(
        () => Deno.stat(`${folder}/result.json`),
        Deno.errors.NotFound,
      );
      const rest = await trained(3, folder);
      assertEquals([rest.steps, rest.losses.length], [STEPS, 30]);
      await assertTrained(rest, 20);
    });
  });

  /** Trains to the end, or until a rank is told to stop. */
  const trained = async (ranks: number, folder: string, ...stop: string[]) => {
    const { code, stdout, stderr } = await launch(implementation, {
      ranks,
      program: "training.ts",
      args: [folder, ...stop],
    });
    assertEquals(code, 0, stdout + stderr);
    const shown = stdout.match(/rank \d+ shows its progress/g);
    assertEquals(shown, ["rank 0 shows its progress"]);
    return JSON.parse(
      await Deno.readTextFile(`${folder}/result.json`),
    ) as Result;
  };

  Deno.test(`${name}: ranks train contenders of a recipe`, async () => {
    await withFolder(async (folder) => {
      const { code, stdout, stderr } = await launch(implementation, {
        ranks: 2,
        program: "recipe.ts",
        args: [folder],
      });
      assertEquals(code, 0, stdout + stderr);
      assertStringIncludes(stdout, "recipes are the same");
    });
  });

  const MISTAKES: Readonly<Record<string, string>> = {
    options: "got another on rank 2:\n- seed is 6, on rank 0 5",
    data: "got another on rank 2:\n- SHA-256 of data's first batch is",
    sharing: 'got another on rank 2:\n- ranks is "sequence", on rank 0 "data"',
    folder: "checkpoints.folder should have no checkpoints of an earlier run",
    labels: "labels of evaluation batch 0, from 0, should be classes",
    divergence: "DivergenceError: step",
  };
  for (const [how, message] of Object.entries(MISTAKES)) {
    Deno.test(`${name}: all ranks throw what is wrong: ${how}`, async () => {
      await withFolder(async (folder) => {
        await Deno.mkdir(`${folder}/step-000001`);
        const { code, stdout, stderr } = await launch(implementation, {
          ranks: 3,
          program: "mistakes.ts",
          args: [how, folder],
        }, SECONDS_TO_TELL);
        assertEquals(code, 0, stdout + stderr);
        assertEquals(stdout.split(message).length - 1, 3, stdout + stderr);
      });
    });
  }

  const FAILURES: readonly (readonly [
    ranks: "data" | "sequence",
    messages: Readonly<Record<string, string>>,
  ])[] = [
    ["data", {
      rows:
        "got another on rank 2:\n- data of step 8 is inputs float32 [6,5,2]",
      loss: "the reason",
      end: "data should be endless, ended after 15 batches",
      callback: "the reason",
      checkpoint: "/runs",
      closes:
        "rank 0 calls allreduce (max) of 3 numbers (Int32Array), rank 2 close",
    }],
    // While others stand still, they exchange nothing any more after it.
    ["sequence", {
      length:
        "got another on rank 2:\n- data of step 8 is inputs float32 [4,10,2]",
      loss: "the reason",
    }],
    ["sequence", { end: "data should be endless, ended after 15 batches" }],
  ];
  for (const [ranks, messages] of FAILURES) {
    const hows = Object.keys(messages);
    Deno.test(`${name}: all ranks throw where one does, and close: ${ranks}, ${hows}`, async () => {
      await withFolder(async (folder) => {
        const { code, stdout, stderr } = await launch(implementation, {
          ranks: 3,
          program: "mistakes.ts",
          args: [hows.join(), folder, ranks],
        }, SECONDS_TO_TELL);
        assertEquals(code, 0, stdout + stderr);
        for (const message of new Set(Object.values(messages))) {
          const same = hows.filter((how) => messages[how] === message).length;
          const found = stdout.split(message).length - 1;
          assertEquals(found, 3 * same, stdout + stderr);
        }
        const others = stdout.match(/rank [01]: Error: rank 2 failed: /g);
        assert(others, stdout);
      });
    });
  }

  Deno.test(`${name}: ranks that differ all throw, and go on`, async () => {
    const program = "differ.ts";
    const job = await launch(implementation, { ranks: 3, program });
    assertEquals(job.code, 0, job.stdout + job.stderr);
    assertStringIncludes(job.stdout, "26 cases throw on all ranks");
  });

  const APART: Readonly<Record<string, string>> = {
    "long length": "got 30000",
    "short for long": "got ",
    about: "got those of another operation",
    "another operation": "values in an exchange, and rank 1 calls allreduce",
    "closes in an exchange": "values in an exchange, and rank 1 calls close",
    "closes before it sends":
      "for rank 1 to send a message, and rank 1 calls close",
    "closes before it receives":
      "for rank 1 to receive a message, and rank 1 calls close",
    "another kind": "got 4 numbers (Int32Array)",
    "more than wanted": "got 300001 numbers (Float32Array)",
    form: "values in an exchange, and rank 1 calls close",
    gradient: "values in an exchange, and rank 1 calls close",
    fails: "rank 1 failed: the reason",
  };
  for (const [how, message] of Object.entries(APART)) {
    Deno.test(`${name}: no rank waits for one that does something else: ${how}`, async () => {
      const { code, stdout, stderr } = await launch(implementation, {
        ranks: 3,
        program: "apart.ts",
        args: [how],
      }, SECONDS_TO_TELL);
      assertEquals(code, 0, stdout + stderr);
      for (let rank = 0; rank < 3; rank++) {
        assertStringIncludes(stdout, `rank ${rank} has closed: true`);
        const lines = stdout.split("\n").filter((line) =>
          line.startsWith(`rank ${rank} after `) && line.includes(message)
        );
        assertEquals(lines.length, 1, stdout + stderr);
        const seconds = Number(lines[0]!.split(" ")[3]);
        assertLess(seconds, SECONDS_BETWEEN_RANKS, stdout);
      }
    });
  }

  Deno.test(`${name}: all ranks throw where one runs another version`, async () => {
    const other = "9.9.9", program = "tests/mpi/programs/mistakes.ts";
    await withCopy(other, async (copy) => {
      const here = new URL(`../../${program}`, import.meta.url).pathname;
      const [own, others] = [here, `${copy}/${program}`].map((path) =>
        denoRun(path, "version").map((word) => `"${word}"`).join(" ")
      );
      // Debian's mpirun of Open MPI does not start several programs.
      const command =
        `if [ "\${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" -lt 2 ]; then exec ${own}; else exec ${others}; fi`;
      const { code, stdout, stderr } = await launchCommand(
        implementation,
        3,
        ["sh", "-c", command],
        SECONDS_TO_TELL,
      );
      assertEquals(code, 0, stdout + stderr);
      const message =
        `got another on rank 2:\n- version of @lionjs/lion is "${other}", on rank 0 "${VERSION}"`;
      assertEquals(stdout.split(message).length - 1, 3, stdout + stderr);
    });
  });

  Deno.test({
    name: `${name}: ranks share batches on WebGPU, and no tokens`,
    ignore: !BACKENDS.includes("webgpu"),
    fn: async () => {
      const program = "webgpu.ts";
      const job = await launch(implementation, { ranks: 2, program });
      assertEquals(job.code, 0, job.stdout + job.stderr);
      assertStringIncludes(job.stdout, "ranks train on WebGPU");
    },
  });

  Deno.test(`${name}: ranks of the bench train the same, and are timed`, async () => {
    const { job } = await RankJob.start(implementation, 2);
    await using ranks = job;
    const ask = async <K extends Reply["kind"]>(request: Request, kind: K) => {
      const [reply] = await ranks.ask(request);
      assertEquals(reply!.kind, kind);
      return reply as Reply & { kind: K };
    };
    const losses: number[][] = [];
    for (const sharedBy of ["data", "sequence"] as const) {
      const open = {
        kind: "open",
        name: sharedBy,
        batch: 2,
        sharedBy,
      } as const;
      await ask(open, "ready");
      const step = { kind: "step", name: sharedBy, steps: 2 } as const;
      const { steps } = await ask(step, "stepped");
      losses.push([...steps.losses]);
      // Two blocks, both sides, forward and backward; borders; the mean; and that
      // the blocks and the mean are the same on all ranks.
      const isShared = sharedBy === "sequence";
      assertEquals(steps.messages.count, isShared ? 2 * (8 + 8 + 6 + 3) : 0);
      // The meeting and the gradients.
      assertEquals(steps.reductions.count, 2 * 2);
      assertLess(0, steps.making);
    }
    // A loss is of products, whose sums have so many terms.
    const terms = PROBLEM.dim;
    assertRounded(losses[0]!, { values: losses[1]!, moved: [], terms }, "loss");
    for (const operation of ["exchange", "allreduce", "exscan"] as const) {
      const times = 3, bytes = 400;
      const request = { kind: "exchange", operation, bytes, times } as const;
      const { milliseconds } = await ask(request, "exchanged");
      assertEquals(milliseconds.length, times);
    }
  });

  Deno.test(`${name}: what stands before Deno may cut its line to mpirun, and then is named`, async () => {
    const program = fileURLToPath(
      new URL("programs/collectives.ts", import.meta.url),
    );
    // As Node does, on which npx and npm's `deno` run; Open MPI has no such line.
    const cut = '[ -z "$PMI_FD" ] || eval "exec $PMI_FD>&-"; exec "$@"';
    const job = await launchCommand(
      implementation,
      2,
      ["sh", "-c", cut, "sh", ...denoRun(program)],
      SECONDS_TO_END,
    );
    if (name !== "MPICH") return assertEquals(job.code, 0, job.stderr);
    assert(job.code !== 0);
    assertStringIncludes(job.stderr, "mpirun's line to this rank (PMI_FD)");
    assertStringIncludes(job.stderr, `mpirun -n 2 ${Deno.execPath()} run`);
  });

  Deno.test(`${name}: its library alone need be allowed`, async () => {
    const folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    const paths = folders.map((folder) =>
      `${folder}/${implementation.library}`
    );
    const found = await Promise.all(
      paths.map((path) => Deno.stat(path).then(() => true, () => false)),
    );
    const path = paths[found.indexOf(true)];
    assert(path, `no ${implementation.library} in ${folders}`);
    const { code, stderr } = await alone([
      `--allow-ffi=${path}`,
      "--allow-env=OMPI_COMM_WORLD_SIZE,PMI_SIZE",
    ]);
    assertEquals(code, 0, stderr);
  });
}

Deno.test("without --allow-ffi, openMpi says what it needs", async () => {
  const { code, stderr } = await alone([
    "--allow-env=OMPI_COMM_WORLD_SIZE,PMI_SIZE",
  ]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "run again with --allow-ffi, or with");
});

/** Waits for processes that are to end; fails where one does not. */
async function untilEnded(processes: readonly string[]): Promise<void> {
  const until = performance.now() + 1000 * SECONDS_TO_END;
  for (const id of processes) {
    while (await Deno.stat(`/proc/${id}`).then(() => true, () => false)) {
      assertLess(performance.now(), until, `process ${id} goes on`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** A rank without `mpirun`, with some permissions. */
async function alone(permissions: readonly string[]) {
  const module = new URL("../../lib/mpi/mod.ts", import.meta.url).href;
  const program = `import { openMpi } from ${JSON.stringify(module)};
    const mpi = openMpi();
    const [ranks] = await mpi.allreduce(Int32Array.of(1));
    await mpi.close();
    if (ranks !== 1) throw new Error(\`\${ranks} ranks\`);`;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/alone.ts`, program);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--no-prompt", "--config"],
        new URL("../../deno.json", import.meta.url).pathname,
        ...permissions,
        `${folder}/alone.ts`,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
