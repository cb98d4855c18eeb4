/** Compares the outputs of a cell with the committed ones. @module */
import type { CodeCell, Output } from "./notebook.ts";

/** How far numbers with a decimal point may be apart. */
const TOLERANCE = 0.01;

const NUMBER = /[-+]?\d+\.\d+(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+/gi;

/** What changes from run to run: durations, rates, and the pixels of images. */
const VOLATILE = [
  /\d+(?:[.,]\d+)*\s?(?:[mnµ]?s|\w+\/s|s\/\w+)\b/g,
  /\b\d\d:\d\d(?::\d\d)?\b/g,
  /data:image\/[^"'\s)]+/g,
];

/**
 * What is different about the outputs of a cell, or `undefined`: as many, of
 * the same kinds, images not empty and, unless the cell is tagged `measured`,
 * the same text, with numbers to 1 %.
 */
export function difference(
  { outputs: committed, metadata }: CodeCell,
  outputs: readonly Output[],
): string | undefined {
  const kinds = (all: readonly Output[]) =>
    all.map(kindOf).join("; ") || "none";
  if (kinds(outputs) !== kinds(committed)) {
    return compared("outputs differ", kinds(committed), kinds(outputs));
  }
  const isMeasured = metadata.tags?.includes("measured") ?? false;
  for (const [index, output] of outputs.entries()) {
    const expected = textsOf(committed[index]!);
    for (const [type, text] of Object.entries(textsOf(output))) {
      if (text === "") return `output ${index + 1}, ${type}, is empty`;
      if (isMeasured || type.startsWith("image/")) continue;
      if (isSame(text, expected[type]!)) continue;
      return compared(
        `output ${index + 1}, ${type}, differs`,
        ...firstDifference(expected[type]!, text),
      );
    }
  }
  return undefined;
}

function compared(what: string, committed: string, now: string): string {
  return `${what}\ncommitted: ${committed}\nnow:       ${now}`;
}

/** What an output consists of, whatever it says. */
function kindOf(output: Output): string {
  if (output.output_type === "stream") return output.name;
  if (output.output_type === "error") return "error";
  return Object.keys(output.data).sort().join(", ");
}

/** The representations of an output. */
function textsOf(output: Output): Record<string, string> {
  if (output.output_type === "stream") return { [output.name]: output.text };
  if (output.output_type === "error") return { error: output.ename };
  return Object.fromEntries(
    Object.entries(output.data).map(([type, value]) => [
      type,
      typeof value === "string" ? value.trimEnd() : JSON.stringify(value),
    ]),
  );
}

function isSame(a: string, b: string): boolean {
  const [masked, other] = [mask(a), mask(b)];
  if (masked.replaceAll(NUMBER, "#") !== other.replaceAll(NUMBER, "#")) {
    return false;
  }
  const numbers = numbersOf(other);
  return numbersOf(masked).every((number, i) => isClose(number, numbers[i]!));
}

function mask(text: string): string {
  return VOLATILE.reduce((masked, what) => masked.replaceAll(what, "…"), text);
}

function numbersOf(text: string): number[] {
  return (text.match(NUMBER) ?? []).map(Number);
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

/** The first lines of two texts that differ. */
function firstDifference(a: string, b: string): [string, string] {
  const [lines, others] = [a.split("\n"), b.split("\n")];
  const length = Math.max(lines.length, others.length);
  for (let i = 0; i < length; i++) {
    const [line, other] = [lines[i], others[i]];
    if (line === undefined || other === undefined || !isSame(line, other)) {
      return [line ?? "(nothing)", other ?? "(nothing)"];
    }
  }
  return [a, b];
}
