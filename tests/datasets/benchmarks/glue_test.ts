import { assert, assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import type { Examples } from "../../../lib/data/mod.ts";
import {
  glue,
  GLUE_TASKS,
  type GlueExample,
  type GluePart,
  type GlueTask,
} from "../../../lib/datasets/mod.ts";
import { withFolder } from "../../io/files.ts";
import { withPython } from "../../data/python.ts";
import { mostHeld } from "../../data/records/memory.ts";

type Truth = Record<
  GlueTask,
  Record<
    GluePart,
    { examples: { texts: string[]; label: number | null }[]; leftOut: number }
  >
>;

const TASKS = Object.keys(GLUE_TASKS) as GlueTask[];
const listOf = (examples: Examples<GlueExample>) =>
  Array.from({ length: examples.size }, (_, i) => examples.get(i));

/** Writes a part as the hub has it. */
async function writeParquet(
  folder: string,
  task: GlueTask,
  part: GluePart,
  examples: readonly GlueExample[],
  label: Partial<ColumnSource> = {},
): Promise<void> {
  const { texts, classes } = GLUE_TASKS[task];
  const labels = examples.map(({ label = -1 }) => label);
  await Deno.mkdir(`${folder}/${task}`, { recursive: true });
  await Deno.writeFile(
    `${folder}/${task}/${part}-00000-of-00001.parquet`,
    new Uint8Array(parquetWriteBuffer({
      columnData: [
        ...texts.map((name, i): ColumnSource => ({
          ...{ name, type: "STRING" },
          data: examples.map(({ texts }) => texts[i]!),
        })),
        {
          name: "label",
          ...(classes
            ? { type: "INT64", data: labels.map(BigInt) }
            : { type: "FLOAT", data: labels }),
          ...label,
        },
        { name: "idx", type: "INT32", data: examples.map((_, i) => i) },
      ],
    })),
  );
}

await withPython(
  "all tasks are read as Hugging Face's script reads their original files, and from Parquet",
  {
    modules: ["csv", "json"],
    program: await Deno.readTextFile(
      new URL("make_glue.py", import.meta.url),
    ),
  },
  async (folder) => {
    const truth: Truth = JSON.parse(
      await Deno.readTextFile(`${folder}/truth.json`),
    );
    for (const task of TASKS) {
      const { parts, texts } = GLUE_TASKS[task];
      assertEquals(Object.keys(truth[task]), [...parts]);
      for (const part of parts) {
        const { examples, leftOut } = truth[task][part];
        const expected = examples.map(({ texts, label }) => ({
          texts,
          label: label ?? undefined,
        }));
        assert(
          expected.every((example) => example.texts.length === texts.length),
        );
        const read = await glue(task, folder, { part });
        assertEquals(listOf(read) as unknown, expected, `${task} ${part}`);
        assertEquals(read.bad.count, leftOut);

        await writeParquet(`${folder}/hub`, task, part, listOf(read));
        const hub = await glue(task, pathToFileURL(`${folder}/hub`), { part });
        assertEquals(listOf(hub), listOf(read));
        assertEquals(hub.bad.count, 0);
      }
    }
    assertEquals(truth.qqp.train.leftOut, 2);
    assertEquals(truth.mrpc.validation.examples.length, 3);
  },
);

const RTE = "index\tsentence1\tsentence2\tlabel\n";
const QQP = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n";
const MRPC = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n";

/** Writes a file; the folders above it are made. */
async function write(path: string, content: string | Uint8Array) {
  await Deno.mkdir(path.replace(/\/[^/]+$/, ""), { recursive: true });
  await (typeof content === "string"
    ? Deno.writeTextFile(path, content)
    : Deno.writeFile(path, content));
}

Deno.test("MRPC is read where it is split already, and from Microsoft's files with ids of either name", () =>
  withFolder(async (folder) => {
    const rows = ["1\t10\t11\ta\tb\r\n", "0\t12\t13\tc\td\r\n"];
    const read = async (part: GluePart) =>
      listOf(await glue("mrpc", folder, { part }));
    await write(`${folder}/MRPC/train.tsv`, MRPC + rows[0]);
    await write(`${folder}/MRPC/dev.tsv`, MRPC + rows[1]);
    const split = [await read("train"), await read("validation")];
    assertEquals(split, [
      [{ texts: ["a", "b"], label: 1 }],
      [{ texts: ["c", "d"], label: 0 }],
    ]);
    // Microsoft's file alone does not say what is for validation.
    await write(
      `${folder}/MRPC/msr_paraphrase_train.txt`,
      MRPC + rows.join("") + "1\t14\t15\te\tf\r\n",
    );
    assertEquals((await read("train")).length, 1);
    await write(`${folder}/MRPC/dev_ids.tsv`, "12\t13\n");
    assertEquals((await read("train")).length, 2);
    assertEquals(await read("validation"), split[1]);
    // Microsoft's test set has labels.
    await write(`${folder}/MRPC/msr_paraphrase_test.txt`, MRPC + rows[0]);
    assertEquals(await read("test"), split[0]);
    // With ids of something else, all examples would be for training.
    for (const ids of ["1\t1\n", ""]) {
      await write(`${folder}/MRPC/dev_ids.tsv`, ids);
      for (const part of ["train", "validation"] as const) {
        await assertRejects(
          () => read(part),
          SyntaxError,
          `${folder}/MRPC/dev_ids.tsv should have in each line two ids of`,
        );
      }
    }
  }));

Deno.test("what is wrong with GLUE's files is said with file and line", () =>
  withFolder(async (folder) => {
    const cases: [GlueTask, GluePart, file: string, string, message: string][] =
      [
        [
          "rte",
          "train",
          "RTE/train.tsv",
          "",
          "RTE/train.tsv should have at least one example",
        ],
        [
          "rte",
          "train",
          "RTE/train.tsv",
          RTE,
          "RTE/train.tsv should have at least one example",
        ],
        [
          ...["rte", "train", "RTE/train.tsv"] as const,
          RTE + "0\ta\tb\tneutral\n",
          'RTE/train.tsv:2 should have a label of rte, 0 (entailment), 1 (not_entailment), got "neutral"',
        ],
        ["rte", "train", "RTE/train.tsv", RTE + "0\ta\tb\t2\n", 'got "2"'],
        ["rte", "train", "RTE/train.tsv", RTE + "0\ta\tb\t\n", 'got ""'],
        [
          ...["rte", "train", "RTE/train.tsv"] as const,
          RTE + "0\ta\tb\t1\n\n1\ta b\t1\n",
          "RTE/train.tsv:4 should have 4 columns, divided by tabs: index, sentence1, sentence2, label; got 3",
        ],
        [
          ...["rte", "validation", "RTE/dev.tsv"] as const,
          "index\tsentence1\tsentence2\n0\ta\tb\n",
          'RTE/dev.tsv:1 should name the column "label" once, got "index, sentence1, sentence2"',
        ],
        [
          ...["rte", "test", "RTE/test.tsv"] as const,
          "index\tpremise\tsentence2\n0\ta\tb\n",
          'should name the column "sentence1"',
        ],
        [
          "cola",
          "train",
          "CoLA/train.tsv",
          "x\t1\t\n",
          "CoLA/train.tsv:1 should have 4 columns",
        ],
        [
          ...["cola", "train", "CoLA/train.tsv"] as const,
          "source\tlabel\tmark\tsentence\n",
          'CoLA/train.tsv:1 should have a label of cola, 0 (unacceptable), 1 (acceptable), got "label"',
        ],
        [
          ...["stsb", "train", "STS-B/train.tsv"] as const,
          "sentence1\tsentence2\tscore\na\tb\t5.01\n",
          'train.tsv:2 should have a label of stsb, a number from 0 to 5, got "5.01"',
        ],
        [
          "stsb",
          "train",
          "STS-B/train.tsv",
          "sentence1\tsentence2\tscore\na\tb\tnan\n",
          'got "nan"',
        ],
        [
          "stsb",
          "train",
          "STS-B/train.tsv",
          "sentence1\tsentence2\tscore\na\tb\t\n",
          'got ""',
        ],
        [
          ...["mnli", "validation_matched", "MNLI/dev_matched.tsv"] as const,
          "sentence1\tsentence2\tgold_label\na\tb\t-\n",
          'MNLI/dev_matched.tsv:2 should have a label of mnli, 0 (entailment), 1 (neutral), 2 (contradiction), got "-"',
        ],
        [
          ...["rte", "train", "RTE/train.tsv"] as const,
          "label\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n",
          'should name the column "label" once',
        ],
        [
          ...["qqp", "train", "QQP/train.tsv"] as const,
          QQP + "1\t2\n",
          "got none, and 1 with too few columns",
        ],
        // Some rows may be too short, not most of them.
        [
          ...["qqp", "train", "QQP/train.tsv"] as const,
          QQP + "1\t2\t3\ta\n".repeat(11),
          "at most 10 should be bad",
        ],
      ];
    for (const [task, part, file, content, message] of cases) {
      await write(`${folder}/${file}`, content);
      await assertRejects(() => glue(task, folder, { part }), Error, message);
    }
    await write(
      `${folder}/RTE/train.tsv`,
      Uint8Array.of(...new TextEncoder().encode(RTE), 0x30, 0x09, 0xff),
    );
    const { message } = await assertRejects(
      () => glue("rte", folder, { part: "train" }),
      SyntaxError,
      "RTE/train.tsv:1 or later: its text should be in utf-8",
    );
    assert(message.endsWith("; convert it"), message);
  }));

Deno.test("what is wrong with the hub's files of GLUE is said with file and row", () =>
  withFolder(async (folder) => {
    const good: GlueExample = { texts: ["a", "b"], label: 1 };
    const without: GlueExample = { texts: ["a", "b"], label: undefined };
    const untold = ["a", null] as unknown as [string, string];
    const rte =
      "should have a label of rte, 0 (entailment), 1 (not_entailment)";
    const cases: [
      GlueTask,
      readonly GlueExample[],
      Partial<ColumnSource>,
      message: string,
    ][] = [
      [
        ...["rte", [good, without], {}] as const,
        `rte/train-00000-of-00001.parquet, row 1 ${rte}, got -1`,
      ],
      ["rte", [good, { ...good, label: 2 }], {}, `row 1 ${rte}, got 2`],
      [
        "rte",
        [good],
        { data: [null], nullable: true },
        `row 0 ${rte}, got null`,
      ],
      ["rte", [good], { name: "gold" }, 'should have the column "label"'],
      [
        ...["stsb", [good, { ...good, label: NaN }], {}] as const,
        "row 1 should have a label of stsb, a number from 0 to 5, got NaN",
      ],
      [
        ...["rte", [{ ...good, texts: untold }], {}] as const,
        'row 0 should have a text in the column "sentence2", got null',
      ],
    ];
    const part = "train";
    for (const [task, examples, label, message] of cases) {
      await writeParquet(folder, task, part, examples, label);
      await assertRejects(() => glue(task, folder, { part }), Error, message);
    }
    await writeParquet(folder, "rte", "test", [without, good]);
    const path = `${folder}/rte/test-00000-of-00001.parquet`;
    assertEquals(listOf(await glue("rte", folder, { part: "test" })), [
      without,
      good,
    ]);
    await Deno.truncate(path, 40);
    await assertRejects(
      () => glue("rte", folder, { part: "test" }),
      SyntaxError,
      path,
    );
  }));

Deno.test("where nothing of GLUE is, the error says what was looked for and where it comes from", () =>
  withFolder(async (folder) => {
    for (const task of TASKS) {
      const { folder: own, parts } = GLUE_TASKS[task];
      const part = parts[1]!;
      const { message } = await assertRejects(
        () => glue(task, `${folder}/none`, { part }),
        Error,
        `${folder}/none/${own}/${
          part.replace("validation", "dev")
        }.tsv or ${folder}/none/${task}/${part}-00000-of-00001.parquet should be there`,
      );
      assert(message.includes("https://dl.fbaipublicfiles.com/"), message);
      assert(
        message.includes(
          `hubSnapshot("nyu-mll/glue", { type: "dataset", include: "${task}/*" })`,
        ),
      );
    }
    // A folder in the place of the file is none, nor is a file in that of a folder.
    await Deno.mkdir(`${folder}/RTE/train.tsv`, { recursive: true });
    await Deno.writeTextFile(`${folder}/CoLA`, "");
    for (const task of ["rte", "cola"] as const) {
      await assertRejects(
        () => glue(task, folder, { part: "train" }),
        Error,
        "got neither",
      );
    }
    // deno-lint-ignore no-explicit-any
    const any = (value: unknown): any => value;
    const wrong: [() => Promise<unknown>, typeof Error, string][] = [
      [
        () => glue(any("sst-2"), folder, { part: "train" }),
        RangeError,
        'glue\'s task should be "cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli" or "rte", got "sst-2"',
      ],
      [
        () => glue(any("toString"), folder, { part: "train" }),
        RangeError,
        "glue's task",
      ],
      [
        () => glue(any(undefined), folder, { part: "train" }),
        RangeError,
        "glue's task",
      ],
      [
        () => glue("rte", any(undefined), { part: "train" }),
        TypeError,
        "folder should be",
      ],
      [
        () => glue("rte", "", { part: "train" }),
        RangeError,
        "folder should be",
      ],
      [() => glue("rte", folder, any(undefined)), TypeError, "options of glue"],
      [
        () => glue("rte", folder, any({})),
        RangeError,
        "part should be one of rte, train, validation, test, got undefined",
      ],
      [
        () => glue("mnli", folder, { part: "validation" }),
        RangeError,
        "validation_matched, validation_mismatched",
      ],
      [
        () => glue("rte", folder, any({ part: "train", split: 1 })),
        TypeError,
        'no option "split"',
      ],
    ];
    for (const [call, kind, message] of wrong) {
      await assertRejects(call, kind, message);
    }
  }));

Deno.test("rows with more columns than the header pass, and lines may end with either", () =>
  withFolder(async (folder) => {
    await write(
      `${folder}/RTE/train.tsv`,
      "\ufeff" + RTE + "0\ta\tb\tentailment\tmore\r\n1\tc\td\t1",
    );
    const { bad, ...examples } = await glue("rte", folder, { part: "train" });
    assertEquals(listOf(examples), [
      { texts: ["a", "b"], label: 0 },
      { texts: ["c", "d"], label: 1 },
    ]);
    assertEquals(bad.count, 0);
  }));

Deno.test("columns that no one reads take no memory", () =>
  withFolder(async (folder) => {
    const parse = "(S (NP the lion))".repeat(200);
    const rows = Array.from(
      { length: 1000 },
      (_, i) => `${parse}\ta sentence ${i}\tanother sentence ${i}\tneutral\n`,
    );
    await write(
      `${folder}/MNLI/train.tsv`,
      "sentence1_parse\tsentence1\tsentence2\tgold_label\n" + rows.join(""),
    );
    const read = async function* () {
      yield await glue("mnli", folder, { part: "train" });
    };
    const held = await mostHeld(read(), 1);
    assert(held < 1e6, `${held} bytes for 3.4 MB of parses`);
  }));
