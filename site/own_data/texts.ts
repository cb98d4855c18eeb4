/** A visitor's texts, and the model that learns them. @module */
import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  classesOf,
  collateTokens,
  datasetOf,
  shuffledBatches,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";
import type { Columns, PassedOver } from "./calls.ts";
import { heldOut } from "./held_out.ts";
import { LENGTH } from "./input_sizes.ts";
import { TEXTS_README } from "./readme.ts";
import type { Table } from "./table.ts";
import { assertLearnable, batchSizeOf, type Task } from "./task.ts";

/** Kinds of tokens. */
const VOCABULARY = 1024;

/** Texts that the tokenizer learns from: more take long, and say little more. */
const LEARNED = 5000;

/** Letters of a text by which it is named. */
const SHOWN = 80;

/** What a model learns of two columns of a table. */
export function textTask(
  { rows }: Table,
  { text: textColumn, label: labelColumn }: Columns,
): Task {
  if (textColumn === labelColumn) {
    throw new RangeError("texts and classes should be two columns, got one");
  }
  const passed: PassedOver[] = [];
  const named = rows.flatMap((row, i) => {
    const text = row[textColumn]?.trim(), name = row[labelColumn]?.trim();
    if (text && name) return [{ text, name }];
    const missing = text ? labelColumn : textColumn;
    passed.push({ name: `row ${i + 1}`, reason: `${missing} is empty` });
    return [];
  });
  const names = named.map(({ name }) => name);
  if (names.length === 0) {
    throw new RangeError("no row has both a text and a class");
  }
  const { classes, labelOf } = classesOf(names);
  const labelled = named.map(({ text, name }) => ({
    ...{ text, key: text, label: labelOf(name) },
  }));
  const isHeldOut = heldOut(labelled);
  assertLearnable(classes, isHeldOut);
  const train = labelled.filter((_, i) => !isHeldOut[i]);
  const rest = labelled.filter((_, i) => isHeldOut[i]);
  const file = trainTokenizer(
    train.slice(0, LEARNED).map(({ text }) => text),
    { vocabularySize: VOCABULARY },
  );
  const tokenizer = tokenizerOf(file);
  const examplesOf = (texts: typeof labelled) =>
    datasetOf(texts.map(({ text, label }) => ({
      ids: tokenizer.encodeWithSpecials(text, { length: LENGTH }).ids,
      label,
    })));
  const batchSize = batchSizeOf(train.length);
  const collate = collateTokens({ pad: tokenizer.specials.pad });
  const held = examplesOf(rest);
  return {
    classes,
    trained: train.length,
    batches: shuffledBatches(examplesOf(train), {
      ...{ batchSize, seed: 1, collate },
    }),
    names: rest.map(({ text }) =>
      text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
    ),
    heldOut: () => batchesInOrder(held, { batchSize, collate }),
    passed,
    makeModel: () =>
      lionEncoder({
        ...{ vocabularySize: tokenizer.vocabularySize, maxLength: LENGTH },
        ...{ dim: 64, numHeads: 4, depth: 2, mlpRatio: 2 },
        numClasses: classes.length,
        variant: "s",
        seed: 1,
      }),
    files: {
      "tokenizer.json": JSON.stringify(file),
      "README.md": TEXTS_README,
    },
  };
}
