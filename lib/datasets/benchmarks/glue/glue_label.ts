/** Labels of GLUE, as its files have them. @module */
import { shown } from "@lionjs/base";
import { GLUE_TASKS, type GlueTask } from "./glue_tasks.ts";

/** The largest similarity of STS-B. */
const MOST_SIMILAR = 5;

/** The label that a text stands for: a class by its name or number, or a similarity. */
export function labelOfText(
  task: GlueTask,
  text: string,
  where: string,
): number {
  const place = GLUE_TASKS[task].classes?.indexOf(text) ?? -1;
  if (place >= 0) return place;
  // Number() alone would take "" for 0, and "0x1" for 1.
  const number = /^\d+(\.\d*)?$/.test(text) ? Number(text) : NaN;
  return checkedLabel(task, number, text, where);
}

/**
 * The label that a value of a Parquet file is; `undefined` for -1, which stands for
 * none.
 */
export function labelOfValue(
  task: GlueTask,
  value: unknown,
  mayLack: boolean,
  where: string,
): number | undefined {
  if (mayLack && value === -1) return undefined;
  const number = typeof value === "number" ? value : NaN;
  return checkedLabel(task, number, value, where);
}

function checkedLabel(
  task: GlueTask,
  number: number,
  given: unknown,
  where: string,
): number {
  const { classes } = GLUE_TASKS[task];
  const fits = classes
    ? Number.isInteger(number) && number >= 0 && number < classes.length
    : number >= 0 && number <= MOST_SIMILAR;
  // Parquet files have similarities as float32: so have all.
  if (fits) return Math.fround(number);
  throw new RangeError(
    `${where} should have a label of ${task}, ${
      classes
        ? classes.map((name, place) => `${place} (${name})`).join(", ")
        : `a number from 0 to ${MOST_SIMILAR}`
    }, got ${shown(given)}`,
  );
}
