/** Parts of GLUE as its original files have them: tables divided by tabs. @module */
import { shown } from "@lionjs/base";
import {
  type BadRecordCount,
  CsvParser,
  parsedRows,
} from "@lionjs/data/records";
import { type GlueExample, textsOf } from "./glue_example.ts";
import { labelOfText } from "./glue_label.ts";
import { GLUE_TASKS, type GluePart, type GlueTask } from "./glue_tasks.ts";

const LABELS: Readonly<Record<GlueTask, string>> = {
  cola: "is_acceptable",
  sst2: "label",
  mrpc: "Quality",
  qqp: "is_duplicate",
  stsb: "score",
  mnli: "gold_label",
  qnli: "label",
  rte: "label",
};

/** The columns of texts, where the hub calls them otherwise. */
const TEXTS: Partial<Record<GlueTask, readonly string[]>> = {
  mrpc: ["#1 String", "#2 String"],
  mnli: ["sentence1", "sentence2"],
};

/** The columns of CoLA's files for training and validation, which have no header. */
const COLA = ["source", "is_acceptable", "mark", "sentence"];

/** The columns by which MRPC's examples for validation are known. */
const IDS = ["#1 ID", "#2 ID"];

/** The file of a part, in the folder of its task. */
export function originalFile(part: GluePart): string {
  return `${part.replace("validation", "dev")}.tsv`;
}

/** The examples of a part, of its own file. */
export async function* originalPart(
  task: GlueTask,
  part: GluePart,
  file: string,
  bad: BadRecordCount,
): AsyncGenerator<GlueExample> {
  const header = task === "cola" && part !== "test" ? COLA : undefined;
  for await (const row of table(file, header, bad)) {
    yield exampleOf(task, part, row);
  }
}

/**
 * The examples of MRPC's part for training or validation, of Microsoft's file for
 * both.
 *
 * @param ids The file that names those for validation.
 */
export async function* microsoftPart(
  part: GluePart,
  file: string,
  ids: string,
  bad: BadRecordCount,
): AsyncGenerator<GlueExample> {
  const idOf = (row: Row) => IDS.map((column) => row.value(column)).join("\t");
  const validation = new Set<string>();
  for await (const row of table(ids, IDS, bad)) validation.add(idOf(row));
  let isKnown = false;
  for await (const row of table(file, undefined, bad)) {
    const example = exampleOf("mrpc", part, row);
    const isHeldOut = validation.has(idOf(row));
    isKnown ||= isHeldOut;
    if (isHeldOut === (part === "validation")) yield example;
  }
  if (isKnown) return;
  throw new SyntaxError(
    `${ids} should have in each line two ids of ${file}, those of the examples for validation, got none; fetch it again`,
  );
}

function exampleOf(task: GlueTask, part: GluePart, row: Row): GlueExample {
  const texts = (TEXTS[task] ?? GLUE_TASKS[task].texts)
    .map((column) => copyOf(row.value(column)));
  const column = LABELS[task];
  const hasLabel = !part.startsWith("test") || row.columns.includes(column);
  return {
    texts: textsOf(texts),
    label: hasLabel
      ? labelOfText(task, row.value(column), row.where)
      : undefined,
  };
}

/**
 * A text with memory of its own: a part of a longer one keeps all of that, and most of
 * MNLI's files are parses that no one reads.
 */
function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text));
}

interface Row {
  /** The row's file and line, for errors. */
  readonly where: string;
  readonly columns: readonly string[];
  readonly value: (column: string) => string;
}

/**
 * The rows of a table without quoting: a quote is a character like any other.
 *
 * @param header The columns, if the file does not name them itself.
 */
async function* table(
  file: string,
  header: readonly string[] | undefined,
  bad: BadRecordCount,
): AsyncGenerator<Row> {
  let columns = header;
  let read = 0;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parser = new CsvParser("\t", false);
  for await (const { line, fields } of parsedRows(file, parser, decoder)) {
    if (!columns) {
      columns = fields;
      continue;
    }
    read++;
    const where = `${file}:${line}`;
    // More fields than columns pass, as they do in Hugging Face's datasets.
    if (fields.length < columns.length) {
      const error = new SyntaxError(
        `${where} should have ${columns.length} columns, divided by tabs: ${
          columns.join(", ")
        }; got ${fields.length}`,
      );
      bad.addFailure(where, error, read);
      continue;
    }
    yield { where, columns, value: valuesOf(file, columns, fields) };
  }
}

function valuesOf(
  file: string,
  columns: readonly string[],
  fields: readonly string[],
): (column: string) => string {
  return (column) => {
    const place = columns.indexOf(column);
    const value = fields[place];
    if (value !== undefined && columns.lastIndexOf(column) === place) {
      return value;
    }
    throw new RangeError(
      `${file}:1 should name the column ${JSON.stringify(column)} once, got ${
        shown(columns.join(", "))
      }`,
    );
  };
}
