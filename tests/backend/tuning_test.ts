/** Tunings, as `useBackend` takes them, and in files. @module */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { type BackendName, explainAttention, useBackend } from "../../mod.ts";
import { cachedTuning, saveTuning } from "../../lib/tuning/mod.ts";
import { assertTuning, type TuningNumbers } from "../../lib/kernels/tuning.ts";
import {
  findTuning,
  machineOf,
  saveNumbers,
  tuningPath,
} from "../../lib/backend/tuning_cache.ts";
import { asTuning } from "../../lib/backend/tuning_source.ts";
import { onEachBackend } from "../backends.ts";
import { namesIn, withFolder } from "../io/files.ts";
import { withProperty } from "./with_property.ts";

/** Tokens of a chunk of a causal attention, as kernels are now. */
function chunkSize(): number | null {
  const x = tf.ones<tf.Rank.R4>([1, 1, 600, 4]);
  const { chunkSize } = explainAttention(x, x, x, { causal: true });
  x.dispose();
  return chunkSize;
}

const CHUNKS: TuningNumbers = {
  webgpu: { "long 32": { chunkwise: { chunkSize: 40 } } },
  wasm: { all: { chunkwise: { chunkSize: 44 } } },
};

onEachBackend(
  "useBackend() takes numbers, and without them goes back to its own",
  async (backend) => {
    const own = chunkSize();
    const tuning = structuredClone(CHUNKS);
    const starting = useBackend({
      prefer: [backend],
      tuning: asTuning(tuning),
    });
    // What it was given does not change any more.
    (tuning as { wasm: object }).wasm = {};
    assertEquals((await starting).tuning, asTuning(CHUNKS));
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
      tuning: asTuning(async ({ name, adapter }) => {
        asked.push(name, adapter?.isFallbackAdapter);
        return await Promise.resolve(CHUNKS);
      }),
    });
    assertEquals(asked, [backend, info.adapter?.isFallbackAdapter]);
    assertEquals(info.tuning, asTuning(CHUNKS));
    assertEquals(chunkSize(), backend === "wasm" ? 44 : 40);
    const untuned = await useBackend({
      prefer: [backend],
      tuning: asTuning(() => undefined),
    });
    assert(!("tuning" in untuned));
    // A mistake of the function is no reason to start another backend.
    await assertRejects(
      () =>
        useBackend({
          prefer: [backend, "cpu"],
          tuning: asTuning(() => ({ threads: -1 })),
        }),
      RangeError,
      "tuning.threads should be a positive integer, got -1",
    );
  },
  ["webgpu", "wasm"],
);

Deno.test("useBackend() refuses numbers that are not possible, before anything starts", async () => {
  await assertRejects(
    () =>
      useBackend({
        tuning: asTuning({ wasm: { all: { full: { tileSize: 0 } } } }),
      }),
    RangeError,
    'tuning.wasm["all"].full.tileSize should be a positive integer, got 0',
  );
  await assertRejects(
    () => useBackend({ tuning: "fast" as never }),
    TypeError,
    "tuning",
  );
});

onEachBackend(
  "a tuning's threads are those that are not asked for",
  async () => {
    const prefer = ["wasm" as const];
    const one = await useBackend({ prefer, tuning: asTuning({ threads: 1 }) });
    assertEquals(one.threads, 1);
    const two = await useBackend({
      prefer,
      threads: 2,
      tuning: asTuning({ threads: 1 }),
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
      await saveNumbers(untuned, { threads: 1 }, file);
      // Instead of that.
      await saveTuning(untuned, asTuning(CHUNKS), file);
      const tuned = await useBackend({ prefer, tuning });
      assertEquals(tuned.tuning, asTuning(CHUNKS));
      assertEquals(chunkSize(), backend === "wasm" ? 44 : 40);

      const text = await Deno.readTextFile(file);
      const machine = machineOf(untuned);
      assertEquals(JSON.parse(text).machines, [{ machine, tuning: CHUNKS }]);
      // Each of these makes it another machine, whose numbers are not used.
      for (const part of Object.keys(machine)) {
        const value = part === "processors" ? 99 : "other";
        const other = { ...machine, [part]: value };
        const machines = [{ machine: other, tuning: CHUNKS }];
        const { format } = JSON.parse(text);
        await Deno.writeTextFile(file, JSON.stringify({ format, machines }));
        assert(!("tuning" in await useBackend({ prefer, tuning })), part);
        await saveNumbers(untuned, {}, file);
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

/** The backends that a file has tunings of, sorted. */
async function tunedIn(file: string): Promise<string[]> {
  const { machines } = JSON.parse(await Deno.readTextFile(file));
  return machines
    .map(({ machine }: { machine: { backend: string } }) => machine.backend)
    .sort();
}

const MOD = new URL("../../lib/tuning/mod.ts", import.meta.url);

Deno.test("tunings that are saved at once are all kept, by calls and by processes", () =>
  withFolder(async (folder) => {
    const file = `${folder}/tuning.json`;
    const named = (name: string) => ({ name: name as BackendName });
    const names = ["cpu", "wasm", "webgpu"];
    await Promise.all(
      names.map((name) => saveNumbers(named(name), { threads: 1 }, file)),
    );
    assertEquals(await tunedIn(file), names);
    assertEquals(await namesIn(folder), ["tuning.json"]);
    // One has locks as Node has them, and one is called by a URL.
    const script = (i: number) => `
      if (${i === 1}) delete Deno.FsFile.prototype.tryLock;
      const { saveTuning } = await import(${JSON.stringify(MOD.href)});
      const path = ${JSON.stringify(file)};
      const file = ${i === 2} ? new URL("file://" + path) : path;
      for (let j = 0; j < 5; j++) {
        await saveTuning({ name: "process ${i}, " + j }, {}, file);
      }
    `;
    const outputs = await Promise.all(
      [0, 1, 2].map((i) =>
        new Deno.Command(Deno.execPath(), {
          args: ["eval", "--no-check", script(i)],
          cwd: new URL("../..", import.meta.url),
        }).output()
      ),
    );
    for (const { stderr, success } of outputs) {
      assert(success, new TextDecoder().decode(stderr));
    }
    const written = [0, 1, 2].flatMap((i) =>
      [0, 1, 2, 3, 4].map((j) => `process ${i}, ${j}`)
    );
    assertEquals(await tunedIn(file), [...names, ...written].sort());
    assertEquals(await namesIn(folder), ["tuning.json"]);
  }));

Deno.test("a page whose browser denies it a database has no tuning", async () => {
  const open = () => {
    throw new DOMException("access is denied", "SecurityError");
  };
  const said: unknown[] = [];
  const warn = (text: unknown) => said.push(text);
  await withProperty(globalThis, "indexedDB", { open }, async () => {
    await withProperty(console, "warn", warn, async () => {
      for (const _ of [1, 2]) {
        assertEquals(await findTuning()({ name: "wasm" }), undefined);
      }
    });
    const store = 'the database "keyval-store" of this page';
    assertEquals(said, [
      `no tuning is used: ${store} cannot be read: access is denied`,
    ]);
    await assertRejects(
      () => saveTuning({ name: "cpu" }, asTuning({ threads: 1 })),
      Error,
      `${store} cannot be written: access is denied`,
    );
  });
});

Deno.test("a process that died while it saved a tuning holds up nobody, and a link is not followed", () =>
  withFolder(async (folder) => {
    const file = `${folder}/tuning.json`, lock = `${file}.lock`;
    const victim = `${folder}/victim`;
    const save = () => saveNumbers({ name: "wasm" }, {}, file);
    await Deno.writeTextFile(lock, '{"runtime":"node","pid":4194304}');
    await save();
    if (Deno.build.os !== "windows") {
      await Deno.writeTextFile(victim, "mine");
      await Deno.symlink(victim, lock);
      await save();
      await Deno.remove(file);
      await Deno.symlink(victim, file);
      // What it holds is no tuning, and who says so has not written to it.
      await assertRejects(save, Error, `${file} holds no tunings`);
      assertEquals(await Deno.readTextFile(victim), "mine");
    }
    assertEquals((await namesIn(folder)).includes("tuning.json.lock"), false);
  }));

/** The file with something else in each place, one at a time. */
function* mutantsOf(json: unknown): Generator<unknown> {
  yield* [
    ...[null, true, 0, -1, 1.5, 2 ** 31, 1e308, "", "x", "__proto__"],
    ...[[], {}, [null], [[]], { machine: null }, "9".repeat(1000)],
  ];
  if (typeof json !== "object" || json === null) return;
  const whole = json as Record<string, unknown>;
  const copy = () => structuredClone(whole);
  for (const name of Object.keys(whole)) {
    const without = copy();
    delete without[name];
    // A list keeps its length, and has null there.
    yield without;
    for (const value of mutantsOf(whole[name])) {
      yield Object.assign(copy(), { [name]: value });
    }
  }
  if (!Array.isArray(json)) yield { ...copy(), more: 1 };
}

Deno.test("a damaged file of tunings is named, whatever is in it", () =>
  withFolder(async (folder) => {
    const file = `${folder}/tuning.json`;
    const backend = { name: "wasm" as const };
    await saveNumbers(backend, { threads: 1, ...CHUNKS }, file);
    const whole = await Deno.readTextFile(file);
    const texts = [
      ...Array.from(
        mutantsOf(JSON.parse(whole)),
        (json) => JSON.stringify(json),
      ),
      ...Array.from(
        { length: 40 },
        (_, i) => whole.slice(0, Math.floor(i / 40 * whole.trimEnd().length)),
      ),
      ...["", "\0", "\ufeff", "[".repeat(1e5), "NaN", whole + whole],
      whole.replace('"machine": {', '"machine": { "__proto__": null,'),
      whole.replace('"wasm": {', '"wasm": { "constructor": {},'),
    ];
    let refused = 0;
    for (const text of texts) {
      await Deno.writeTextFile(file, text);
      try {
        const found = await findTuning(file)(backend);
        if (found !== undefined) assertTuning(found);
      } catch (error) {
        refused++;
        assert(error instanceof Error);
        const { message } = error;
        assert(message.startsWith(`${file} holds no tunings: `), message);
        // Not what an engine says of code that did not expect it.
        const surprise = /cannot (read|convert|destructure)|not a function/i;
        assert(!surprise.test(message), `${message} of ${text}`);
        await assertRejects(() => saveNumbers(backend, {}, file), Error, file);
        assertEquals(await Deno.readTextFile(file), text);
      }
    }
    assert(texts.length > 300 && refused > 250, `${refused}/${texts.length}`);
    // No file at all.
    await Deno.remove(file);
    await Deno.mkdir(file);
    for (
      const call of [
        () => findTuning(file)(backend),
        () => saveNumbers(backend, {}, file),
      ]
    ) {
      await assertRejects(
        () => Promise.resolve(call()),
        Error,
        `${file} cannot be read`,
      );
    }
    await assertRejects(
      () => saveNumbers(backend, {}, ""),
      RangeError,
      'file should be a path, got ""',
    );
  }));

Deno.test("tuningPath() lies in the user's folder for caches", () => {
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", "/caches");
  try {
    assertEquals(tuningPath(), "/caches/lion/tuning.json");
    Deno.env.set("XDG_CACHE_HOME", "");
    assertEquals(
      tuningPath(),
      `${Deno.env.get("HOME")}/.cache/lion/tuning.json`,
    );
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
  }
});

Deno.test("saveTuning() refuses a backend without a name, and writes nothing", () =>
  withFolder(async (folder) => {
    for (const backend of [null, {}, { name: 1 }]) {
      await assertRejects(
        () => saveTuning(backend as never, asTuning({}), `${folder}/x.json`),
        TypeError,
        "backend",
      );
    }
    assertEquals(await namesIn(folder), []);
  }));

Deno.test("tunings tell GPUs apart that have no description", () => {
  const keyOf = (architecture: string, description: string) =>
    machineOf({
      name: "webgpu",
      adapter: {
        vendor: "nvidia",
        architecture,
        description,
        isFallbackAdapter: false,
      },
    }).adapter;
  assertEquals(keyOf("ampere", ""), "nvidia ampere");
  assertEquals(keyOf("turing", ""), "nvidia turing");
  assertEquals(keyOf("", "H100"), "nvidia H100");
});
