import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Dataset } from "../../../lib/data/mod.ts";
import {
  LIST_OPS_TOKENS,
  LONG_RANGE_ARENA_TASKS,
  longRangeArena,
  type LongRangeArenaTask,
} from "../../../lib/datasets/mod.ts";
import type { LongRangeArenaOptions } from "../../../lib/datasets/benchmarks/long_range_arena/long_range_arena.ts";
import { withFolder } from "../../io/files.ts";
import { RED_PIXEL } from "../../data/images/red_pixel.ts";
import { withPython } from "../../data/python.ts";

/** What Python makes of its files. */
interface Expected {
  listops: Record<string, [tokens: string[], label: number][]>;
  retrieval: Record<string, [first: number[], second: number[], number][]>;
  image: Record<string, [pixels: number[], label: number][]>;
  /** Of most images the first row only. */
  pathfinder: Record<string, [k: number, name: string, number[], number][]>;
}

const PARTS = ["train", "validation", "test"] as const;

async function allOf<E>(dataset: Dataset<E>): Promise<E[]> {
  const examples: E[] = [];
  for (let i = 0; i < dataset.size; i++) examples.push(await dataset.get(i));
  return examples;
}

await withPython(
  "longRangeArena() reads what the original and Pillow read",
  {
    modules: ["PIL", "numpy"],
    program: await Deno.readTextFile(
      new URL("make_long_range_arena.py", import.meta.url),
    ),
  },
  async (folder) => {
    const { listops, retrieval, image, pathfinder }: Expected = JSON.parse(
      await Deno.readTextFile(`${folder}/expected.json`),
    );
    for (const [part, name] of [...PARTS.entries()]) {
      const lists = await longRangeArena("listops", folder, { part: name });
      assertEquals(
        (await allOf(lists)).map(({ ids, label }) => [
          Array.from(ids, (id) => LIST_OPS_TOKENS[id]!),
          label,
        ]),
        listops[["train", "val", "test"][part]!]!,
      );
      const pairs = await longRangeArena("retrieval", folder, { part: name });
      assertEquals(
        (await allOf(pairs)).map(({ pair: [first, second], label }) => [
          [...first],
          [...second],
          label,
        ]),
        retrieval[["train", "eval", "test"][part]!]!,
      );
      const images = await longRangeArena("image", folder, { part: name });
      const { test_batch: test, ...batches } = image;
      const trained = Object.values(batches).flat();
      assertEquals(
        (await allOf(images)).map(({ pixels, label }) => [[...pixels], label]),
        [trained.slice(0, 10), trained.slice(10), test!][part]!,
      );
    }
    const inside = `${folder}/lra_release/listops-1000/`;
    const lists = await longRangeArena("listops", inside, { part: "test" });
    assertEquals(lists.size, listops["test"]!.length);
    const small = `${folder}/lra_release/pathfinder32`;
    const { bad } = await longRangeArena("pathfinder", small, {
      ...{ part: "test", difficulty: "curv_baseline" },
    });
    assertEquals(bad.count, 1);
    await Promise.all([
      assertPathfinder("pathfinder", {}, 65 + 5),
      assertPathfinder("pathfinder", { difficulty: "curv_baseline" }, 184, 1),
      assertPathfinder("pathx", {}, 30),
      assertPathfinder("pathfinder", { resolution: 128 }, 30),
    ]);

    /** Compares the images of all parts with those of the metadata. */
    async function assertPathfinder(
      task: "pathfinder" | "pathx",
      options: Omit<LongRangeArenaOptions, "part">,
      size: number,
      passedOver = 0,
    ) {
      const side = task === "pathx" ? 128 : options.resolution ?? 32;
      const difficulty = options.difficulty ?? "curv_contour_length_14";
      const place = `pathfinder${side}/${difficulty}`;
      const left = new Set(pathfinder[place]);
      for (const part of PARTS) {
        const images = await longRangeArena(task, folder, { ...options, part });
        assertEquals(
          images.bad.records.map(({ name }) => name),
          [`${folder}/lra_release/${place}/imgs/0/sample_172.png`]
            .slice(0, passedOver),
        );
        const share = part === "train" ? 0.8 : 0.1;
        assert(Math.abs(images.size - share * size) <= 2, `${images.size}`);
        // The images of a part are in the order of the metadata.
        const order = [...left];
        let from = 0;
        for (const { pixels, label } of await allOf(images)) {
          assertEquals(pixels.length, side ** 2);
          const found = order.findIndex(([, , expected, class_], i) =>
            i >= from && label === class_ &&
            expected.every((value, at) => pixels[at] === value)
          );
          assert(found >= 0, `${part} of ${place}`);
          left.delete(order[found]!);
          from = found + 1;
        }
      }
      assertEquals(left.size, 0);
    }
  },
);

Deno.test("longRangeArena() has reviews as bytes, those for testing for validation too", () =>
  withFolder(async (folder) => {
    const long = "é".repeat(3000);
    for (const part of ["train", "test"]) {
      for (const [kind, stars] of [["neg", 1], ["pos", 10]] as const) {
        await Deno.mkdir(`${folder}/${part}/${kind}`, { recursive: true });
        await Deno.writeTextFile(
          `${folder}/${part}/${kind}/0_${stars}.txt`,
          kind === "neg" ? `${part}!` : long,
        );
      }
    }
    const textsOf = async (part: LongRangeArenaOptions["part"]) =>
      await allOf(await longRangeArena("text", folder, { part }));
    const [short, cut] = await textsOf("train");
    assertEquals(short, {
      ids: Int32Array.from("train!", (letter) => letter.charCodeAt(0) + 1),
      label: 0,
    });
    const { length, vocabularySize } = LONG_RANGE_ARENA_TASKS.text;
    assertEquals([cut!.ids.length, cut!.label], [length, 1]);
    assertEquals([...cut!.ids.slice(-2)], [0xc3 + 1, 0xa9 + 1]);
    assert(Math.max(...cut!.ids) < vocabularySize);
    assertEquals(await textsOf("validation"), await textsOf("test"));
    assertEquals((await textsOf("test"))[0]!.ids.length, "test!".length);
  }));

/** Reads a file of one task, which has some content. */
async function readFile(
  folder: string,
  task: "listops" | "retrieval",
  content: string | Uint8Array,
): Promise<void> {
  const path = `${folder}/${FILES[task]}`;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  await allOf<unknown>(await longRangeArena(task, folder, { part: "train" }));
}

const FILES = {
  listops: "listops-1000/basic_train.tsv",
  retrieval: "tsv_data/new_aan_pairs.train.tsv",
};

Deno.test("longRangeArena() names file and line of what is bad", () =>
  withFolder(async (folder) => {
    const good = "( ( [MAX 1 ) 2 ) ] )\t2\r\n";
    const head = `Source\tTarget\r\n${good}`;
    const BAD: ["listops" | "retrieval", string | Uint8Array, string][] = [
      ["listops", "", " should have expressions, got none"],
      ["listops", "Source\tTarget\r\n", " should have expressions, got none"],
      ["listops", good, ':1 should be the header "Source\\tTarget", got "( ('],
      ["listops", `${head}\n[MAX 1 ]`, ":4 should have 2 fields between tabs"],
      [
        "listops",
        `${head}1\t10`,
        ':3 should have a digit as its value, got "10"',
      ],
      ["listops", `${head}1\t`, ':3 should have a digit as its value, got ""'],
      ["listops", `${head}[AVG 1 ]\t1`, 'got "[AVG"'],
      ["listops", `${head}<pad>\t1`, ":3 should have the tokens 0 1 2"],
      ["listops", `${head}( )\t1`, ":3 should have the tokens 0 1 2"],
      ["retrieval", "\n", " should have pairs of papers, got none"],
      [
        "retrieval",
        "1\ta\tb\tc\n",
        ":1 should have 5 fields between tabs, got 4",
      ],
      [
        "retrieval",
        "1\ta\tb\tc\td\te",
        ":1 should have 5 fields between tabs, got 6",
      ],
      [
        "retrieval",
        "1\ta\tb\tc\td\n2.0\ta\tb\tc\td",
        ":2 should have the label 0 or 1",
      ],
      [
        "retrieval",
        "1\ta\tb\tc\td\nlabel\ta\tb\tc\td",
        ':2 should have the label 0 or 1, got "label"',
      ],
      [
        "retrieval",
        Uint8Array.of(0x31, 9, 9, 9, 0xff, 9),
        ":1 should be text in UTF-8",
      ],
      ["retrieval", Uint8Array.of(0x1f, 0x8b, 8, 0), ":1 should"],
    ];
    for (const [task, content, message] of BAD) {
      await assertRejects(
        () => readFile(folder, task, content),
        SyntaxError,
        message.startsWith("got")
          ? message
          : `${folder}/${FILES[task]}${message}`,
      );
    }
    // A byte order mark is none of the text.
    await readFile(folder, "listops", `\ufeff${head}`);
    await readFile(folder, "retrieval", "\ufeff1\ta\tb\tc\td");
  }));

Deno.test("longRangeArena() names images and metadata that are bad", () =>
  withFolder(async (folder) => {
    const base = `${folder}/pathfinder32/curv_contour_length_14`;
    const png = `${base}/imgs/0/sample_0.png`;
    const fails = (
      metadata: string | Uint8Array,
      kind: typeof Error,
      message: string,
    ) =>
      assertRejects(
        async () => {
          await Deno.writeFile(
            `${base}/metadata/0.npy`,
            typeof metadata === "string"
              ? new TextEncoder().encode(metadata)
              : metadata,
          );
          const part = "train";
          await allOf(await longRangeArena("pathfinder", folder, { part }));
        },
        kind,
        message,
      );
    await Deno.mkdir(`${base}/metadata`, { recursive: true });
    await Deno.mkdir(`${base}/imgs/0`, { recursive: true });
    const good = "imgs/0 sample_0.png 0 1 1.8";
    const line = `${base}/metadata/0.npy:2 should begin as`;
    for (
      const bad of [
        "imgs/0 sample_0.png 0 2",
        "imgs/0 sample_0.png",
        "../.. sample_0.png 0 1",
        "imgs/0 ../../secret.png 0 1",
      ]
    ) await fails(`${good}\n${bad}`, SyntaxError, line);
    const array = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0);
    await fails(array, SyntaxError, "0.npy:1 should be text in UTF-8");
    await fails(good, Error, png);
    await Deno.writeFile(png, new Uint8Array(0));
    await fails(good, SyntaxError, `${png}: an image should be a JPEG, a PNG`);
    await Deno.writeFile(png, RED_PIXEL);
    await fails(
      good,
      RangeError,
      `${png} should have 32 × 32 pixels, got 1 × 1`,
    );
    await Deno.writeFile(png, RED_PIXEL.subarray(0, 60));
    await fails(
      good,
      SyntaxError,
      `${png}: the PNG ends before its last chunk`,
    );
  }));

Deno.test("longRangeArena() says how to fetch what is missing", () =>
  withFolder(async (folder) => {
    const WANTED: Partial<Record<LongRangeArenaTask, string>> = {
      listops: "listops-1000/basic_val.tsv",
      retrieval: "tsv_data/new_aan_pairs.eval.tsv",
      pathfinder: "pathfinder32/curv_contour_length_14/metadata/0.npy",
      pathx: "pathfinder128/curv_contour_length_14/metadata/0.npy",
      text: "aclImdb/test",
    };
    for (const [task, wanted] of Object.entries(WANTED)) {
      await assertRejects(
        () =>
          longRangeArena(task as LongRangeArenaTask, folder, {
            part: "validation",
          }),
        Error,
        `${folder} should have ${wanted}, got none; fetch them:\n  mkdir -p ${folder}\n`,
      );
    }
  }));

Deno.test("longRangeArena() refuses tasks and options that are none", async () => {
  const part = "test";
  await assertRejects(
    () => longRangeArena("path" as LongRangeArenaTask, ".", { part }),
    RangeError,
    'task should be "listops", "text", "retrieval", "image", "pathfinder" or "pathx", got "path"',
  );
  const difficulty = "curv_baseline";
  await assertRejects(
    () => longRangeArena("listops", ".", { part, difficulty }),
    RangeError,
    'difficulty should be left out for the task "listops"',
  );
  await assertRejects(
    () => longRangeArena("pathx", ".", { part, resolution: 64 }),
    RangeError,
    'resolution should be left out for the task "pathx"',
  );
});
