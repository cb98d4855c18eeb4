/** Parts of GLUE as the Hugging Face hub has them: Parquet files. @module */
import { shown } from "@lionjs/base";
import { parquet } from "@lionjs/data/records";
import { type GlueExample, textsOf } from "./glue_example.ts";
import { labelOfValue } from "./glue_label.ts";
import { GLUE_TASKS, type GluePart, type GlueTask } from "./glue_tasks.ts";

export const GLUE_DATASET = "nyu-mll/glue";

/** The file of a part, in the folder of the dataset. */
export function hubFile(task: GlueTask, part: GluePart): string {
  return `${task}/${part}-00000-of-00001.parquet`;
}

export async function* hubPart(
  task: GlueTask,
  part: GluePart,
  file: string,
): AsyncGenerator<GlueExample> {
  const { texts } = GLUE_TASKS[task];
  const rows = await parquet(file, { columns: [...texts, "label"] });
  const isTest = part.startsWith("test");
  let row = 0;
  for await (const values of rows.rows()) {
    const where = `${file}, row ${row++}`;
    yield {
      texts: textsOf(texts.map((text) => textIn(values, text, where))),
      label: labelOfValue(task, values["label"], isTest, where),
    };
  }
}

function textIn(
  values: Readonly<Record<string, unknown>>,
  column: string,
  where: string,
): string {
  const text = values[column];
  if (typeof text === "string") return text;
  throw new SyntaxError(
    `${where} should have a text in the column ${JSON.stringify(column)}, got ${
      shown(text)
    }`,
  );
}
