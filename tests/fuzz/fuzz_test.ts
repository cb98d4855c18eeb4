/** The fuzzer's first cases, and that it finds what is wrong, makes it small and repeats it. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import type { BackendName } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { campaign, type Found } from "./campaign.ts";
import { runCase } from "./run_case.ts";
import { failureText, repeating } from "./summary.ts";
import type { Target } from "./target.ts";
import { isTriedOn, targetsOf } from "./targets.ts";

/**
 * Of each target; `deno task fuzz` tries more. On WebGPU each compiles shaders of its
 * own, and in plain JavaScript loops take most of a second.
 */
const CASES: Record<BackendName, number> = { wasm: 12, cpu: 2, webgpu: 1 };

/** The first, as if it were `--seed`. */
const SEED = 2026;

onEachBackend(
  "nothing is wrong with the fuzzer's first cases",
  async (backend) => {
    const failures: string[] = [];
    for (const target of targetsOf([])) {
      if (!isTriedOn(target, backend)) continue;
      await target.prepare?.();
      for (let seed = SEED; seed < SEED + CASES[backend]; seed++) {
        const { failure } = await runCase(target, backend, seed);
        if (!failure) continue;
        const threads = 1;
        failures.push(
          failureText({ backend, threads, target: target.name, seed, failure }),
        );
      }
    }
    assertEquals(failures, []);
  },
);

/** A target that is wrong from a length of ten on. */
const WRONG: Target<{ length: number; other: number }> = {
  name: "wrong",
  kind: "operations",
  cases: () =>
    fc.record(
      { length: fc.integer({ min: 1, max: 1000 }), other: fc.nat() },
      { noNullPrototype: true },
    ),
  run({ length }) {
    if (length >= 10) throw new RangeError(`${length} is too long`);
    return Promise.resolve({ y: length });
  },
};

onCpu("a failure is made small, and its seed and path repeat it", async () => {
  let failed = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { failure, errors } = await runCase(WRONG, "cpu", seed);
    if (!failure) {
      assert(errors["y"]! < 10);
      continue;
    }
    failed++;
    assertEquals(failure.shrunk, '{"length":10,"other":0}');
    assertEquals(failure.message, "RangeError: 10 is too long");
    const again = await runCase(WRONG, "cpu", seed);
    assertEquals(again, { errors, failure });
    const { path } = failure;
    const small = await runCase(WRONG, "cpu", seed, { path });
    assertEquals(small.failure?.first, failure.message);
  }
  assert(failed > 10 && failed < 20, `${failed}`);
});

Deno.test("a tensor that a case leaves behind is a failure", async () => {
  const left: tf.Tensor[] = [];
  const leaking: Target<number> = {
    ...WRONG,
    cases: () => fc.nat(),
    run() {
      left.push(tf.zeros([1]));
      return Promise.resolve({});
    },
  };
  const { failure } = await runCase(leaking, "cpu", 1, { shrinking: 0 });
  assertEquals(failure?.first, "Error: 1 tensors leaked");
  tf.dispose(left);
});

Deno.test("a case that ends its process, or never ends, is named, and the others go on", () =>
  withFolder(async (folder) => {
    const worker = `${folder}/worker.ts`;
    // Of seed 2 it dies, and of seed 4 it has no end.
    await Deno.writeTextFile(
      worker,
      `const { seeds, until } = JSON.parse(Deno.args[0]);
      for (let seed = seeds.lion; seed < until; seed++) {
        const said = { target: "lion", seed };
        console.log(JSON.stringify({ said: "begins", ...said }));
        if (seed === 2) throw new Error("out of memory");
        while (seed === 4);
        const errors = { y: seed };
        const milliseconds = 10 * seed;
        console.log(
          JSON.stringify({ said: "ends", ...said, milliseconds, errors }),
        );
      }`,
    );
    const found: Found[] = [];
    const order = {
      ...{ backend: "wasm" as const, threads: 2 },
      ...{ seeds: { lion: 1 }, until: 6 },
    };
    const tallies = await campaign(order, (one) => found.push(one), {
      worker,
      patience: 3000,
    });
    assertEquals(Object.fromEntries(tallies), {
      lion: {
        ...{ first: 1, cases: 5, failures: 2, errors: { y: 5 } },
        slowest: { seed: 5, milliseconds: 50 },
      },
    });
    assertEquals(found.map(({ seed }) => seed), [2, 4]);
    const [died, endless] = found.map(failureText);
    assertStringIncludes(died!, "it ended the process with 1: ");
    assertStringIncludes(died!, "out of memory");
    assertStringIncludes(endless!, "it did not end within 3 s");
    assertEquals(
      repeating(found[0]!),
      "deno task fuzz --backend wasm --threads 2 --only lion --seed 2 --cases 1",
    );
  }));
