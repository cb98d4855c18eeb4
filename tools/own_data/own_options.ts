/** What `deno task train --data` can be told. @module */
import { basename, resolve } from "node:path";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import type { AttentionVariant, BackendName } from "@lionjs/lion";
import { ATTENTION_VARIANTS } from "@lionjs/lion/layers";
import {
  oneOf,
  positive,
  positiveInteger,
  readCommandLine,
  wrapped,
} from "../command_line.ts";
import { outPath } from "../out_folder.ts";
import { TABLE } from "./find_data.ts";

const OUTPUT = `${outPath("train")}/own`;

/** What `--help` prints. */
export const USAGE = `Usage: deno task train --data FOLDER [options]

Trains a classifier on your own images or texts, tests it on examples that it has
not seen, and writes the model. FOLDER has a folder for each class, with images
or .txt files in it; or FOLDER is a table with a column of texts and one of
labels (.csv, .tsv, .json, .jsonl, .parquet, also .gz and .zst), or Parquet files
of images. Folders or tables called train, validation (or val) and test are these
parts; for each missing one, a tenth of the training data is held back.

  --text COLUMN     texts in a table (default: text, sentence, content, …)
  --label COLUMN    labels in a table (default: label, class, category, …)
  --variant V       lit, d, s (default) or another:
                    ${wrapped(ATTENTION_VARIANTS.slice(3), 20)}
  --epochs N        at most N passes over the data (default 30 for images, 10 for
                    texts); training ends sooner if it no longer helps
  --batch-size N    examples per step (default 32)
  --rate R          the highest learning rate (default 0.001); with "search", some
                    rates are tried in short trainings, and the best is taken
  --dim N           columns per token (default 96)
  --depth N         blocks (default 4)
  --heads N         attention heads (default 4)
  --size N          side of the images in pixels (default 64)
  --patch N         side of a patch in pixels (default 8)
  --length N        at most N tokens per text (default 128)
  --tokenizer KIND  the vocabulary that is learned from texts: bytes (default), or
                    wordpiece, BERT's, in lower case without accents
  --seed N          seed for weights, split and order (default 1)
  --backend NAME    webgpu, wasm or cpu
  --output FOLDER   for the model, what it needs, a log that TensorBoard reads too,
                    and a page of its mistakes (default ${OUTPUT}/ and the data's name)
  --help            print this`;

/** How own data are read, and what is trained on them. */
export interface OwnOptions {
  /** Where the data are: a folder, or the file of a table. */
  readonly data: string;
  /** The columns of a table's texts and labels; `undefined` for those of usual names. */
  readonly text: string | undefined;
  readonly label: string | undefined;
  readonly variant: AttentionVariant;
  /** The most passes over the data; `undefined` for what suits them. */
  readonly epochs: number | undefined;
  readonly batchSize: number;
  /** The highest learning rate, or that it is to be found. */
  readonly rate: number | "search";
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Side of the images in pixels. */
  readonly size: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /** The most tokens of a text. */
  readonly length: number;
  /** The kind of vocabulary that is learned from texts. */
  readonly tokenizer: "bytes" | "wordpiece";
  readonly seed: number;
  readonly backend: BackendName | undefined;
  /** Where what was trained is written. */
  readonly output: string;
}

const OPTIONS = {
  data: { type: "string", default: "" },
  text: { type: "string" },
  label: { type: "string" },
  variant: { type: "string", default: "s" },
  epochs: { type: "string" },
  "batch-size": { type: "string", default: "32" },
  rate: { type: "string", default: "0.001" },
  dim: { type: "string", default: "96" },
  depth: { type: "string", default: "4" },
  heads: { type: "string", default: "4" },
  size: { type: "string", default: "64" },
  patch: { type: "string", default: "8" },
  length: { type: "string", default: "128" },
  tokenizer: { type: "string", default: "bytes" },
  seed: { type: "string", default: "1" },
  backend: { type: "string" },
  output: { type: "string" },
} as const;

/** What names recipes in a command line. */
export interface RecipeNames {
  readonly names: readonly string[];
  /** Options of recipes, which tell their values from names. */
  readonly options: ParseArgsOptionsConfig;
}

/** Whether a command line is about own data: it has `--data`, and names no recipe. */
export function isOfOwnData(
  args: readonly string[],
  recipes: RecipeNames,
): boolean {
  if (!args.some((arg) => /^--data(=|$)/.test(arg))) return false;
  // What comes first should be a recipe, even if there is none of that name.
  if (!args[0]!.startsWith("-")) return false;
  const { positionals } = parseArgs({
    args: [...args],
    options: { ...recipes.options, ...OPTIONS },
    allowPositionals: true,
    strict: false,
  });
  return !positionals.some((name) => recipes.names.includes(name));
}

/** Reads the command line, or explains it and ends. */
export function readOwnOptions(): Promise<OwnOptions> {
  return readCommandLine(USAGE, OPTIONS, (values) => {
    const { data, text, label, variant, epochs, rate, backend, output } =
      values;
    const whole = (
      name:
        | "batch-size"
        | "dim"
        | "depth"
        | "heads"
        | "size"
        | "patch"
        | "length"
        | "seed",
    ) => positiveInteger(`--${name}`, values[name]);
    return {
      ...{ data, text, label },
      output: output ?? `${OUTPUT}/${nameOf(data)}`,
      variant: oneOf("--variant", variant, ATTENTION_VARIANTS),
      epochs: epochs === undefined ? undefined : positive("--epochs", epochs),
      rate: rate === "search" ? rate : positive("--rate", rate),
      ...{ batchSize: whole("batch-size"), seed: whole("seed") },
      ...{ dim: whole("dim"), depth: whole("depth"), heads: whole("heads") },
      ...{ size: whole("size"), patch: whole("patch") },
      length: whole("length"),
      tokenizer: oneOf("--tokenizer", values.tokenizer, ["bytes", "wordpiece"]),
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
    };
  });
}

/** What a path leads to, without its ending. */
function nameOf(path: string): string {
  const name = basename(resolve(path));
  return name.replace(TABLE, "") || "data";
}
