/** Token files: what is written is read, whatever interrupts the writing. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  byteTokenizer,
  lineStream,
  memoryBytes,
  type ShardedStream,
  type TextRecord,
  tokenFile,
  type TokenFileOptions,
  type TokenType,
  writeTokenFile,
} from "../../lib/data/mod.ts";
import { lockFile } from "../../lib/base/file_lock.ts";

const tokenizer = byteTokenizer();
const { sep: separator } = tokenizer.specials;
const idsOf = (texts: readonly string[]) =>
  texts.flatMap((text) => [...tokenizer.encode(text), separator]);

/** Shards in memory, which notes which of them are opened. */
function shards(
  texts: readonly (readonly TextRecord[])[],
  fails: (shard: number) => boolean = () => false,
): ShardedStream<TextRecord> & { readonly opened: number[] } {
  const opened: number[] = [];
  return {
    opened,
    shards: texts.map((_, i) => ({ name: `shard ${i}` })),
    async *open(shard) {
      opened.push(shard);
      for (const text of texts[shard]!) {
        await Promise.resolve();
        yield text;
      }
      if (fails(shard)) throw new Error("the cable is out");
    },
  };
}

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/train.bin`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const namesBeside = async (path: string) =>
  (await Array.fromAsync(Deno.readDir(path.replace(/[^/]*$/, ""))))
    .map(({ name }) => name).sort();

Deno.test("a token file has the tokens of all texts, and a separator after each", async () => {
  await inFolder(async (path) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(fc.string({ unit: "binary" }), { maxLength: 4 }),
          { maxLength: 3 },
        ),
        fc.constantFrom<TokenType>("uint16", "uint32"),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (texts, type, sharded, length) => {
          const truth = idsOf(texts.flat());
          const options = { tokenizer, path, separator, type };
          const count = await writeTokenFile(
            sharded
              ? shards(texts.map((each) => each.map((text) => ({ text }))))
              : texts.flat(),
            options,
          );
          assertEquals(count, truth.length);
          assertEquals(await namesBeside(path), ["train.bin"]);
          const read = tokenFile(path, { length, type });
          if (count < length) {
            await assertRejects(() => read, RangeError, "at least");
            return;
          }
          const blocks = await read;
          assertEquals(blocks.size, Math.floor(count / length));
          for (let i = 0; i < blocks.size; i++) {
            assertEquals(
              [...await blocks.get(i)],
              truth.slice(i * length, (i + 1) * length),
            );
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

Deno.test("a token file has the texts of compressed JSON Lines", async () => {
  await inFolder(async (path) => {
    const folder = path.replace(/[^/]*$/, "");
    const texts = [["one", "two"], ["three"]];
    for (const [i, shard] of texts.entries()) {
      const lines = shard.map((text) =>
        `${JSON.stringify({ text, url: "x" })}\n`
      );
      const zipped = new Blob(lines).stream()
        .pipeThrough(new CompressionStream("gzip"));
      await Deno.writeFile(`${folder}/c4.0${i}.json.gz`, zipped);
    }
    const stream = lineStream<{ text: string }>(
      `${folder}/c4.0{0..1}.json.gz`,
      {
        parse: "json",
      },
    );
    const type = "uint16";
    const length = await writeTokenFile(stream, {
      ...{ tokenizer, path, separator, type },
    });
    const all = await tokenFile(path, { length, type });
    assertEquals([...await all.get(0)], idsOf(texts.flat()));
  });
});

Deno.test("many tokens are written in chunks", async () => {
  await inFolder(async (path) => {
    const text = "The lion sleeps. ".repeat(2 ** 14);
    const options = { tokenizer, path, separator, type: "uint16" as const };
    const count = await writeTokenFile(shards([[text], [text, text]]), options);
    const truth = idsOf([text, text, text]);
    assertEquals(count, truth.length);
    const [all] = [await tokenFile(path, { length: count, type: "uint16" })];
    assertEquals(await all.get(0), Int32Array.from(truth));
  });
});

Deno.test("writing goes on with the shard that was interrupted", async () => {
  await inFolder(async (path) => {
    const texts = [["a", "bc"], [], ["def"], ["g"]];
    const options = { tokenizer, path, separator, type: "uint16" as const };
    const cut = shards(texts, (shard) => shard === 2);
    await assertRejects(
      () => writeTokenFile(cut, options),
      Error,
      "the cable is out",
    );
    assertEquals(cut.opened, [0, 1, 2]);
    assertEquals(await namesBeside(path), ["train.bin.parts"]);

    const others: [ShardedStream<TextRecord>, object][] = [
      [shards([...texts, ["h"]]), options],
      [shards(texts), { ...options, type: "uint32" }],
      [shards(texts), { ...options, separator: 1 }],
      [
        shards(texts),
        {
          ...options,
          tokenizer: { ...tokenizer, encode: (text: string) => [text.length] },
        },
      ],
    ];
    for (const [stream, other] of others) {
      await assertRejects(
        () => writeTokenFile(stream, other as typeof options),
        RangeError,
        "plan.json should have the same shards, tokenizer, separator and type",
      );
    }
    const lock = await lockFile(`${path}.parts/lock`);
    await assertRejects(
      () => writeTokenFile(shards(texts), options),
      Error,
      `${path} is being written by this process`,
    );
    await lock.release();

    const rest = shards(texts);
    const count = await writeTokenFile(rest, options);
    assertEquals(rest.opened, [2, 3]);
    assertEquals(await namesBeside(path), ["train.bin"]);
    const all = await tokenFile(path, { length: count, type: "uint16" });
    assertEquals([...await all.get(0)], idsOf(texts.flat()));
  });
});

Deno.test("what cannot be written is named, and leaves the old file", async () => {
  await inFolder(async (path) => {
    const options = { tokenizer, path, separator, type: "uint16" as const };
    await writeTokenFile(["old"], options);
    const refuses = { ...tokenizer, encode: () => [-1] };
    const throws = {
      ...tokenizer,
      encode() {
        throw new RangeError("no such piece");
      },
    };
    // deno-lint-ignore no-explicit-any
    const cases: [any, object, string][] = [
      [
        ["a", 1],
        {},
        "the texts should have texts, or records with a text, got number at 1",
      ],
      [[{ content: "a" }], {}, "got object at 0"],
      ["a text", {}, "texts should be an array or another iterable"],
      [[], { separator: 261 }, "separator should be an integer from 0 to 260"],
      [[], { type: "int32" }, 'type should be "uint16" or "uint32"'],
      [[], { type: 16 }, 'type should be "uint16" or "uint32"'],
      [[], { path: "" }, 'path should be a path, got ""'],
      [
        [],
        { tokenizer: null },
        "writeTokenFile's tokenizer should have a value",
      ],
      [
        [],
        { tokenizer: {} },
        "tokenizer should be one such as byteTokenizer()",
      ],
      [[], { shards: 1 }, 'writeTokenFile has no option "shards"'],
      [
        [],
        { tokenizer: { ...tokenizer, vocabularySize: 65_537 } },
        "type uint16 should hold the ids of 65537 tokens, got room for 65536",
      ],
      [
        ["a"],
        { tokenizer: refuses },
        "tokenizer should give ids below 261, got -1 of text 0 of the texts",
      ],
      [
        ["a"],
        { tokenizer: throws },
        "text 0 of the texts cannot be encoded: no such piece",
      ],
    ];
    for (const [texts, more, message] of cases) {
      await assertRejects(
        () => writeTokenFile(texts, { ...options, ...more }),
        Error,
        message,
      );
    }
    const old = await tokenFile(path, { length: 4, type: "uint16" });
    assertEquals([...await old.get(0)], idsOf(["old"]));
    assertEquals(await namesBeside(path), ["train.bin"]);
  });
});

Deno.test("random offsets are anywhere, and the same for a seed and an index", async () => {
  const count = 1000, length = 10;
  const ids = Uint32Array.from({ length: count }, (_, i) => i + 70_000);
  const source = memoryBytes(new Uint8Array(ids.buffer));
  const of = (seed: number) =>
    tokenFile(source, { length, type: "uint32", offsets: "random", seed });
  const firsts: number[] = [];
  for (let seed = 0; seed < 30; seed++) {
    const [one, same] = [await of(seed), await of(seed)];
    assertEquals(one.size, 100);
    for (let i = 0; i < one.size; i++) {
      const sequence = await one.get(i);
      assertEquals(await same.get(i), sequence);
      const first = sequence[0]!;
      assertEquals([...sequence], Array.from(sequence, (_, j) => first + j));
      firsts.push(first - 70_000);
    }
  }
  const last = count - length;
  assert(firsts.every((at) => at >= 0 && at <= last));
  assert(Math.min(...firsts) < 5 && Math.max(...firsts) > last - 5);
  assert(new Set(firsts).size > 900, "places are many");
  const mean = firsts.reduce((sum, at) => sum + at, 0) / firsts.length;
  assert(Math.abs(mean - last / 2) < 20, `${mean}`);
  const exact = await tokenFile(source, {
    ...{ length: count, type: "uint32", offsets: "random" },
  });
  assertEquals(await exact.get(0), Int32Array.from(ids));
});

Deno.test("tokenFile() names what does not fit", async () => {
  const source = memoryBytes(new Uint8Array(6));
  const good: TokenFileOptions = { length: 2, type: "uint16" };
  // deno-lint-ignore no-explicit-any
  const cases: [any, string][] = [
    [{ length: 0 }, "length should be an integer from 1"],
    [{ length: 4 }, "should have at least 4 tokens, one sequence, got 3"],
    [
      { type: "uint32" },
      "should have 4 bytes for each token of type uint32, got 6 bytes",
    ],
    [{ type: undefined }, 'type should be "uint16" or "uint32"'],
    [
      { offsets: "anywhere" },
      'offsets should be "blocks" or "random", got "anywhere"',
    ],
    [{ seed: NaN }, "seed should be finite"],
    [{ size: 1 }, 'tokenFile has no option "size"'],
  ];
  for (const [more, message] of cases) {
    await assertRejects(
      () => tokenFile(source, { ...good, ...more }),
      Error,
      message,
    );
  }
  const data = await tokenFile(source, good);
  assertEquals(data.size, 1);
  await assertRejects(async () => await data.get(1), RangeError, "index");
  const large = new Uint8Array(Uint32Array.of(1, 2 ** 31).buffer);
  const wrong = await tokenFile(memoryBytes(large), {
    ...good,
    type: "uint32",
  });
  await assertRejects(
    async () => await wrong.get(0),
    RangeError,
    "should have ids below 2^31, got a larger one at 1; is its type uint32?",
  );
});

Deno.test("parts without a plan are not those of other texts", async () => {
  await inFolder(async (path) => {
    // As if a call had ended while it removed what it had written.
    await Deno.mkdir(`${path}.parts`);
    await Deno.writeFile(`${path}.parts/0.bin`, Uint8Array.of(9, 0, 9, 0));
    const texts = [["ab"], ["c"]];
    const type = "uint16";
    await writeTokenFile(shards(texts), { tokenizer, path, separator, type });
    const { buffer } = await Deno.readFile(path);
    assertEquals([...new Uint16Array(buffer)], idsOf(texts.flat()));
  });
});
