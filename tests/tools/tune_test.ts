/** How `deno task tune` chooses, and that what it writes is used. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { cachedTuning } from "../../lib/tuning/mod.ts";
import { useBackend } from "../../mod.ts";
import { type Candidate, ParityError } from "../../bench/measure/timing.ts";
import { choose } from "../../tools/tune/choose.ts";
import { FAMILIES, type Family } from "../../tools/tune/families.ts";
import { openTrials, tuningOf } from "../../tools/tune/trials.ts";
import { assertTuning } from "../../lib/kernels/tuning.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";

/** A candidate that takes these milliseconds in turn. */
function candidate(
  name: string,
  times: readonly number[],
  wrong: string | null = null,
): Candidate {
  let at = 0;
  return {
    name,
    check: () => Promise.resolve(wrong),
    run: () => Promise.resolve(times[at++ % times.length]!),
  };
}

const BUDGET = { milliseconds: 1000, fewest: 5, most: 10, warmUp: 0 };
/** The default. */
const own = () => candidate("own", [10, 11, 10, 12]);

Deno.test("choose() takes the fastest that is right", async () => {
  const choice = await choose(own(), [
    candidate("slow", [20]),
    candidate("hopeless", [40]),
    candidate("fast", [8]),
    candidate("faster", [5]),
    candidate("fastest, and wrong", [1], "the output differs"),
    {
      ...candidate("refused", [1]),
      check: () => Promise.reject(new RangeError("no room")),
    },
  ], BUDGET);
  assertEquals(choice.winner, "faster");
  assert(choice.ratio > 0.4 && choice.ratio < 0.6, String(choice.ratio));
  assertEquals(choice.discarded, [
    { name: "fastest, and wrong", why: "the output differs" },
    { name: "refused", why: "no room" },
  ]);
  assertEquals(choice.hopeless, [{ name: "hopeless", ratio: 4 }]);
  const names = choice.measurements.map(({ name }) => name);
  assertEquals(names, ["own", "slow", "fast", "faster"]);
});

Deno.test("choose() takes nothing that may be faster by chance", async () => {
  // A fifth of its samples are no faster than the default's fastest.
  const noisy = candidate("noisy", [5, 5, 11, 5, 12]);
  assertEquals((await choose(own(), [noisy], BUDGET)).winner, null);
  // Faster only where it was chosen.
  const lucky = candidate("lucky", [
    ...Array(11).fill(5),
    ...Array(50).fill(11),
  ]);
  const choice = await choose(own(), [lucky], BUDGET);
  assertEquals([choice.winner, choice.ratio], [null, 1]);
  assertEquals((await choose(own(), [], BUDGET)).winner, null);
});

Deno.test("choose() ends in time, and not where the default is wrong", async () => {
  let checks = 0;
  const rivals = ["a", "b", "c"].map((name) => candidate(name, [5]));
  const choice = await choose(
    own(),
    rivals,
    BUDGET,
    () => ![1, 2].includes(checks++),
  );
  assertEquals(choice.untried, ["b", "c"]);
  assertEquals(choice.winner, "a");
  await assertRejects(
    () => choose(candidate("own", [1], "differs"), [], BUDGET),
    ParityError,
    "own: differs",
  );
});

Deno.test("every number that is tried is possible", () => {
  for (const { candidates } of FAMILIES) {
    for (const [engine, all] of Object.entries(candidates)) {
      const backend = engine === "wasm" ? engine : "webgpu";
      for (const numbers of all) assertTuning({ [backend]: { all: numbers } });
    }
  }
});

onEachBackend(
  "trials compare kernels with the plain form, and tell what differs",
  async () => {
    for (const family of FAMILIES) {
      const trials = await openTrials("wasm", family, "short 32");
      assertEquals(
        await trials.candidate("own", {}).check(),
        null,
        family.name,
      );
      for (const numbers of family.candidates.wasm.slice(0, 1)) {
        const tuning = tuningOf("wasm", "short 32", numbers);
        assertEquals(await trials.candidate("other", tuning).check(), null);
      }
      trials.close();
    }
    const chunkwise = FAMILIES[0]!;
    const wrong: Family = {
      ...chunkwise,
      attend: (kernel) => (q, k, v, ...rest) =>
        chunkwise.attend(kernel)(
          ...(kernel ? [v!, k!, q!] : [q!, k!, v!]),
          ...rest,
        ),
    };
    const trials = await openTrials("wasm", wrong, "short 32");
    const why = await trials.candidate("wrong", {}).check();
    assert(why?.startsWith("the output differs"), String(why));
    trials.close();
  },
  ["wasm"],
);

Deno.test({
  name: "deno task tune writes what useBackend() reads",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/tuning.json`;
      // Time for one candidate, and not for all.
      const { success, stdout, stderr } = await new Deno.Command(
        Deno.execPath(),
        {
          args: [
            ...["run", "-A", "--no-check", "tools/tune/main.ts"],
            ...["--backend", "wasm", "--minutes", "0.02", "--file", file],
          ],
          cwd: fileURLToPath(new URL("../..", import.meta.url)),
          env: { NO_COLOR: "1" },
        },
      ).output();
      const text = new TextDecoder().decode(stdout);
      assert(success, text + new TextDecoder().decode(stderr));
      assert(text.includes("No time was left for:"), text);
      const [{ tuning }] = JSON.parse(await Deno.readTextFile(file)).machines;
      const info = await useBackend({
        prefer: ["wasm"],
        tuning: cachedTuning(file),
      });
      assertEquals(info.tuning, tuning);
    } finally {
      await useBackend({ prefer: ["wasm"] });
      await Deno.remove(folder, { recursive: true });
    }
  },
});
