/** Tunings, as `useBackend` takes them, and in files. @module */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  cachedTuning,
  explainAttention,
  saveTuning,
  type Tuning,
  useBackend,
} from "../../mod.ts";
import { machineOf, tuningPath } from "../../lib/backend/tuning_cache.ts";
import { onEachBackend } from "../backends.ts";

/** Tokens of a chunk of a causal attention, as kernels are now. */
function chunkSize(): number | null {
  const x = tf.ones<tf.Rank.R4>([1, 1, 600, 4]);
  const { chunkSize } = explainAttention(x, x, x, { causal: true });
  x.dispose();
  return chunkSize;
}

const CHUNKS: Tuning = {
  webgpu: { "long 32": { chunkwise: { chunkSize: 40 } } },
  wasm: { all: { chunkwise: { chunkSize: 44 } } },
};

onEachBackend(
  "useBackend() takes numbers, and without them goes back to its own",
  async (backend) => {
    const own = chunkSize();
    const tuning = structuredClone(CHUNKS);
    const starting = useBackend({ prefer: [backend], tuning });
    // What it was given does not change any more.
    (tuning as { wasm: object }).wasm = {};
    assertEquals((await starting).tuning, CHUNKS);
    assertEquals(chunkSize(), backend === "wasm" ? 44 : 40);
    const info = await useBackend({ prefer: [backend] });
    assert(!("tuning" in info));
    assertEquals(chunkSize(), own);
  },
  ["webgpu", "wasm"],
);

onEachBackend(
  "useBackend() asks a function for the numbers of what starts",
  async (backend) => {
    const asked: unknown[] = [];
    const info = await useBackend({
      prefer: [backend],
      tuning: async ({ name, adapter }) => {
        asked.push(name, adapter?.isFallbackAdapter);
        return await Promise.resolve(CHUNKS);
      },
    });
    assertEquals(asked, [backend, info.adapter?.isFallbackAdapter]);
    assertEquals(info.tuning, CHUNKS);
    assertEquals(chunkSize(), backend === "wasm" ? 44 : 40);
    const untuned = await useBackend({
      prefer: [backend],
      tuning: () => undefined,
    });
    assert(!("tuning" in untuned));
    // A mistake of the function is no reason to start another backend.
    await assertRejects(
      () =>
        useBackend({
          prefer: [backend, "cpu"],
          tuning: () => ({ threads: -1 }),
        }),
      RangeError,
      "tuning.threads should be a positive integer, got -1",
    );
  },
  ["webgpu", "wasm"],
);

Deno.test("useBackend() refuses numbers that are not possible, before anything starts", async () => {
  await assertRejects(
    () => useBackend({ tuning: { wasm: { all: { full: { tileSize: 0 } } } } }),
    RangeError,
    'tuning.wasm["all"].full.tileSize should be a positive integer, got 0',
  );
  await assertRejects(
    () => useBackend({ tuning: "fast" as unknown as Tuning }),
    TypeError,
    "tuning",
  );
});

onEachBackend(
  "a tuning's threads are those that are not asked for",
  async () => {
    const prefer = ["wasm" as const];
    const one = await useBackend({ prefer, tuning: { threads: 1 } });
    assertEquals(one.threads, 1);
    const two = await useBackend({
      prefer,
      threads: 2,
      tuning: { threads: 1 },
    });
    assertEquals(two.threads, 2);
  },
  ["wasm"],
);

onEachBackend(
  "cachedTuning() uses what saveTuning() has found out for the machine",
  async (backend) => {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/tuning.json`;
      const prefer = [backend];
      const tuning = cachedTuning(file);
      await assertRejects(
        () => useBackend({ prefer, tuning }),
        Error,
        `there is no ${file}`,
      );
      const untuned = await useBackend({ prefer });
      await saveTuning(untuned, { threads: 1 }, file);
      // Instead of that.
      await saveTuning(untuned, CHUNKS, file);
      assertEquals((await useBackend({ prefer, tuning })).tuning, CHUNKS);
      assertEquals(chunkSize(), backend === "wasm" ? 44 : 40);

      const text = await Deno.readTextFile(file);
      const machine = machineOf(untuned);
      assertEquals(JSON.parse(text).machines, [{ machine, tuning: CHUNKS }]);
      // Each of these makes it another machine, whose numbers are not used.
      for (const part of Object.keys(machine)) {
        const other = { ...machine, [part]: "other" };
        const machines = [{ machine: other, tuning: CHUNKS }];
        const { format } = JSON.parse(text);
        await Deno.writeTextFile(file, JSON.stringify({ format, machines }));
        assert(!("tuning" in await useBackend({ prefer, tuning })), part);
        await saveTuning(untuned, {}, file);
        assertEquals(
          JSON.parse(await Deno.readTextFile(file)).machines.length,
          2,
        );
      }
      for (
        const [content, why] of [
          ["{", "JSON"],
          ["{}", "format"],
          [
            text.replaceAll("chunkSize", "chunksize"),
            'did you mean "chunkSize"',
          ],
        ] as const
      ) {
        await Deno.writeTextFile(file, content);
        const error = await assertRejects(
          () => useBackend({ prefer, tuning }),
          Error,
        );
        const { message } = error;
        assertStringIncludes(message, `${file} holds no tunings`);
        assertStringIncludes(message, why);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  ["webgpu", "wasm"],
);

Deno.test("tuningPath() lies in the user's folder for caches", () => {
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", "/caches");
  try {
    assertEquals(tuningPath(), "/caches/lion/tuning.json");
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
  }
});
