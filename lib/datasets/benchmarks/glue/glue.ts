import { assertOneOf, assertOptions, optionsOf, shown } from "@lionjs/base";
import { datasetOf, type Examples } from "@lionjs/data/batches";
import { BadRecordCount, type BadRecords } from "@lionjs/data/records";
import { folderPath } from "../folder_files.ts";
import { isFile } from "../original_files.ts";
import type { GlueExample } from "./glue_example.ts";
import { GLUE_TASKS, type GluePart, type GlueTask } from "./glue_tasks.ts";
import { GLUE_DATASET, hubFile, hubPart } from "./hub_part.ts";
import { microsoftPart, originalFile, originalPart } from "./original_part.ts";

/** Options of {@linkcode glue}. */
export interface GlueOptions {
  /** The part, one of the task's `parts` in `GLUE_TASKS`. */
  part: GluePart;
}

const OPTIONS = optionsOf<GlueOptions>()("part");

/** The examples of a part of a task. */
export interface GlueExamples extends Examples<GlueExample> {
  /** The rows of QQP that were left out because they have too few columns. */
  readonly bad: BadRecords;
}

/**
 * Reads a part of a GLUE task into memory, from the original files or the
 * hub's, whichever the folder has. MNLI's training set takes about 150 MB.
 *
 * The original files are the zips of gluebenchmark.com, unpacked: `CoLA/train.tsv`,
 * `MNLI/dev_matched.tsv` and so on. MRPC is `MRPC/train.tsv`, `dev.tsv` and
 * `test.tsv`, or Microsoft's `msr_paraphrase_train.txt` and `msr_paraphrase_test.txt`
 * with `mrpc_dev_ids.tsv` or `dev_ids.tsv`. The hub's, such as
 * `cola/train-00000-of-00001.parquet`, are what `hubSnapshot("nyu-mll/glue", { type:
 * "dataset" })` fetches.
 *
 * Both have the same labels: entailment is 0 in MNLI, QNLI and RTE. Rows of QQP
 * with too few columns, which occur in the original training set, are left out
 * and counted in `bad`.
 *
 * Source: Hugging Face's `datasets/glue/glue.py`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { glue } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.mkdir(`${folder}/RTE`);
 * await Deno.writeTextFile(
 *   `${folder}/RTE/dev.tsv`,
 *   "index\tsentence1\tsentence2\tlabel\n" +
 *     '0\tA lion "roars".\tA cat is loud.\tentailment\n',
 * );
 * const examples = await glue("rte", folder, { part: "validation" });
 * assertEquals(examples.size, 1);
 * assertEquals(examples.get(0), {
 *   texts: ['A lion "roars".', "A cat is loud."], label: 0,
 * });
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param task The task.
 * @param folder The folder that contains the tasks' folders.
 * @param options See {@linkcode GlueOptions}.
 * @returns The examples, in the order of the file.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no such task or part, a file has no example
 * or lacks a column, or a label does not belong to the task; the message names
 * file and line.
 * @throws {SyntaxError} If a row has too few columns, or a file is truncated or
 * damaged; the message names file and line.
 * @throws {Error} If the part's file is missing; the message says where to get
 * it.
 */
export async function glue(
  task: GlueTask,
  folder: string | URL,
  options: GlueOptions,
): Promise<GlueExamples> {
  assertOptions("glue", options, OPTIONS);
  assertOneOf("glue's task", task, Object.keys(GLUE_TASKS));
  const root = folderPath(folder);
  const { part } = options;
  assertPart(task, part);
  const bad = new BadRecordCount("glue", task === "qqp" ? SKIP : "fail");
  const { file, rows } = await sourceOf(task, part, root, bad);
  const examples: GlueExample[] = [];
  for await (const example of rows) examples.push(example);
  if (examples.length === 0) {
    throw new RangeError(
      `${file} should have at least one example of the part ${part}, got none${
        bad.count > 0 ? `, and ${bad.count} with too few columns` : ""
      }`,
    );
  }
  return { ...datasetOf(examples), bad };
}

const SKIP = { skip: true } as const;

function assertPart(task: GlueTask, part: GluePart): void {
  const { parts } = GLUE_TASKS[task];
  if (parts.includes(part)) return;
  throw new RangeError(
    `part should be one of ${task}, ${parts.join(", ")}, got ${shown(part)}`,
  );
}

/** The file of a part, and its examples. */
interface Source {
  readonly file: string;
  readonly rows: AsyncIterable<GlueExample>;
}

/** Finds the first of the files that a part may be in. */
async function sourceOf(
  task: GlueTask,
  part: GluePart,
  root: string,
  bad: BadRecordCount,
): Promise<Source> {
  const own = `${root}/${GLUE_TASKS[task].folder}`;
  const microsoft = `${own}/msr_paraphrase_${
    part === "test" ? "test" : "train"
  }.txt`;
  if (task === "mrpc" && await isFile(microsoft)) {
    if (part === "test") {
      return {
        file: microsoft,
        rows: originalPart(task, part, microsoft, bad),
      };
    }
    for (const ids of ["mrpc_dev_ids.tsv", "dev_ids.tsv"]) {
      if (!await isFile(`${own}/${ids}`)) continue;
      const rows = microsoftPart(part, microsoft, `${own}/${ids}`, bad);
      return { file: microsoft, rows };
    }
  }
  const original = `${own}/${originalFile(part)}`;
  if (await isFile(original)) {
    return { file: original, rows: originalPart(task, part, original, bad) };
  }
  const hub = `${root}/${hubFile(task, part)}`;
  if (await isFile(hub)) return { file: hub, rows: hubPart(task, part, hub) };
  throw new Error(
    `${original} or ${hub} should be there, got neither; ${
      howToFetch(task)
    }, or hubSnapshot("${GLUE_DATASET}", { type: "dataset", include: "${task}/*" }) for the second`,
  );
}

const ADDRESS = "https://dl.fbaipublicfiles.com";

/** The names of zips, where they differ from the folder's. */
const ZIPS: Partial<Record<GlueTask, string>> = {
  qqp: "QQP-clean",
  qnli: "QNLIv2",
};

/** Advice for errors on where to fetch a task's original files. */
function howToFetch(task: GlueTask): string {
  if (task === "mrpc") {
    const microsoft = `${ADDRESS}/senteval/senteval_data/msr_paraphrase`;
    return `fetch ${microsoft}_train.txt, ${microsoft}_test.txt and ${ADDRESS}/glue/data/mrpc_dev_ids.tsv into ${
      GLUE_TASKS[task].folder
    } instead of the first`;
  }
  return `fetch and unpack ${ADDRESS}/glue/data/${
    ZIPS[task] ?? GLUE_TASKS[task].folder
  }.zip for the first`;
}
