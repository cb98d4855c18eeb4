/** Cards of model packages: the only source of each figure, from which READMEs are made. @module */

import { fileURLToPath } from "node:url";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import { MODELS } from "../check_rooms.ts";
import type { ModelRun } from "./model_recipe.ts";
import type { Trained } from "./training.ts";

/** Where a model's data come from. */
export interface CardData {
  /** A package, or what made the data. */
  readonly source: string;
  readonly version: string;
  readonly licence: string;
  readonly notice: string;
  /** Of what was read, if anything was. */
  readonly sha256?: string;
  readonly examples: number;
}

/** A share of successes. */
export interface Share {
  readonly solved: number;
  readonly of: number;
}

/** A figure that is no share of successes, such as F1. */
export interface Figure {
  readonly value: number;
  /** The bounds between which it is with a probability of 95 %. */
  readonly low: number;
  readonly high: number;
  /** Of how many it tells. */
  readonly of: number;
}

/** A row of a table. */
export interface CardRow {
  readonly name: string;
  readonly shares: Readonly<Record<string, Share>>;
  /** By the columns that have no shares. */
  readonly figures?: Readonly<Record<string, Figure>>;
}

/** A table of shares or other figures, whose columns are kinds of examples. */
export interface CardTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly CardRow[];
  /** What has to be known to read it. */
  readonly note: string;
}

/** A figure that the model was to reach. */
export interface CardBar {
  readonly what: string;
  readonly least: number;
  readonly reached: number;
}

/** What `card.json` holds. */
export interface Card {
  readonly name: string;
  readonly title: string;
  /** Comes first: what one should know before anything else. */
  readonly first: string;
  readonly about: string;
  readonly use: string;
  readonly data: readonly CardData[];
  readonly split: string;
  readonly model: { readonly parameters: number; readonly options: object };
  readonly training: {
    readonly steps: number;
    readonly examples: number;
    readonly seconds: number;
    readonly seed: number;
    readonly threads: number;
    readonly backend: string;
    readonly machine: string;
    readonly commit: string;
    readonly command: string;
    readonly about: string;
  };
  readonly weights: {
    readonly sha256: string;
    readonly bytes: number;
    /** Share of the bytes in float32. */
    readonly ofFloat32: number;
  };
  readonly tables: readonly CardTable[];
  readonly bars: readonly CardBar[];
  readonly limits: readonly string[];
}

/** What a card says of every training; the rest is what it is about. */
export async function trainingOf(
  name: string,
  { steps, examples, seconds, threads, backend }: Trained,
  seed: number,
): Promise<Omit<Card["training"], "about">> {
  return {
    ...{ steps, examples, seed, seconds, threads, backend },
    machine:
      `a machine with ${navigator.hardwareConcurrency} cores (${Deno.build.arch})`,
    commit: await commit(),
    command: `deno task models ${name} --steps ${steps}`,
  };
}

/** The revision that the files are of. */
async function commit(): Promise<string> {
  const { stdout } = await new Deno.Command("git", {
    args: ["rev-parse", "HEAD"],
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** The score interval of a share with a probability of 95 % (Wilson 1927). */
export function intervalOf({ solved, of }: Share): [number, number] {
  const z = 1.96, share = solved / of;
  const middle = share + z ** 2 / (2 * of);
  const half = z * Math.sqrt(share * (1 - share) / of + z ** 2 / (4 * of ** 2));
  const scale = 1 + z ** 2 / of;
  return [
    Math.max(0, (middle - half) / scale),
    Math.min(1, (middle + half) / scale),
  ];
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function cellOf(share: Share | Figure | undefined): string {
  if (!share) return "–";
  if ("value" in share) {
    const { value, low, high, of } = share;
    return `${value.toFixed(3)} (${low.toFixed(2)}–${
      high.toFixed(2)
    }, n = ${of})`;
  }
  const [low, high] = intervalOf(share);
  return `${percent(share.solved / share.of)} (${
    [low, high].map((bound) => (100 * bound).toFixed(0)).join("–")
  }, n = ${share.of})`;
}

/** A table in Markdown. */
export function tableText({ title, columns, rows, note }: CardTable): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `### ${title}`,
    "",
    line(["", ...columns]),
    line(["---", ...columns.map(() => "---")]),
    ...rows.map(({ name, shares, figures }) =>
      line([
        name,
        ...columns.map((column) => cellOf(shares[column] ?? figures?.[column])),
      ])
    ),
    "",
    note,
  ].join("\n");
}

/** The README of a package, from its card. */
export function readmeOf(card: Card): string {
  const { name, title, first, about, use, data, training, weights, model } =
    card;
  const hours = training.seconds / 3600;
  return `${
    [
      `# @lionjs/${name}: ${title}`,
      first,
      about,
      "```ts\n" + use.trim() + "\n```",
      "## What it reaches",
      ...card.tables.map(tableText),
      "### Aims",
      [
        "| | least | reached | |",
        "| --- | --- | --- | --- |",
        ...card.bars.map(({ what, least, reached }) =>
          `| ${what} | ${least} | ${reached.toFixed(3)} | ${
            reached >= least ? "yes" : "not yet"
          } |`
        ),
      ].join("\n"),
      "## Limits",
      card.limits.map((limit) => `- ${limit}`).join("\n"),
      "## How it was made",
      `${model.parameters.toLocaleString("en")} parameters; ${
        training.steps.toLocaleString("en")
      } steps on ${training.examples.toLocaleString("en")} examples in ${
        hours.toFixed(1)
      } hours of ${training.machine}, ${training.threads} thread${
        training.threads === 1 ? "" : "s"
      } of ${training.backend}, seed ${training.seed}. ${training.about} The weights are int8: ${
        weights.bytes.toLocaleString("en")
      } bytes, ${percent(weights.ofFloat32)} of float32.`,
      "```sh\n" + training.command + "\n```",
      card.split,
      "| data | version | examples | licence |\n| --- | --- | --- | --- |\n" +
      data.map(({ source, version, examples, licence, notice }) =>
        `| ${source} | ${version} | ${
          examples.toLocaleString("en")
        } | ${licence}. ${notice} |`
      ).join("\n"),
      "`card.json` has all figures, and this page is made from it.",
    ].join("\n\n")
  }\n`;
}

/** The lines of documents between which the table of packages is. */
const MARKS = ["<!-- packages -->", "<!-- /packages -->"] as const;

/** A document with the table of packages, made from their cards. */
export function withPackages(document: string, cards: readonly Card[]): string {
  const [start, end] = MARKS;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = cards.map(({ name, title, weights, model, bars }) =>
    line([
      `\`@lionjs/${name}\``,
      title,
      model.parameters.toLocaleString("en"),
      `${(weights.bytes / 1e6).toFixed(2)} MB`,
      bars.map(({ what, reached, least }) =>
        `${what}: ${percent(reached)} (aim: ${percent(least)})`
      ).join("; "),
    ])
  );
  const table = [
    line(["package", "what it is", "parameters", "download", "reached"]),
    line(["---", "---", "--:", "--:", "---"]),
    ...rows,
  ].join("\n");
  const [before, rest] = document.split(start);
  return `${before}${start}\n\n${table}\n\n${end}${rest!.split(end)[1]}`;
}

/** The document with the table of packages. */
const DOCUMENT = new URL("../../docs/pretrained.md", import.meta.url);

/** The cards of all packages that have one. */
export async function allCards(): Promise<Card[]> {
  const cards = await Promise.all(MODELS.map((name) =>
    readJSON<Card>(
      fileURLToPath(
        new URL(`../../models/${name}/card.json`, import.meta.url),
      ),
    )
  ));
  return cards.filter((card) => card !== undefined);
}

/** Writes a package's card, the README and the table that are made from it, and the licence. */
export async function writeCard(
  card: Card,
  { target, isSmoke }: ModelRun,
): Promise<void> {
  await writeJSON(new URL("card.json", target).pathname, card);
  await Deno.writeTextFile(new URL("README.md", target), readmeOf(card));
  if (!isSmoke) {
    const text = await Deno.readTextFile(DOCUMENT);
    await Deno.writeTextFile(DOCUMENT, withPackages(text, await allCards()));
    await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "--quiet", DOCUMENT.pathname],
    }).output();
  }
  await Deno.mkdir(new URL("LICENSES/", target), { recursive: true });
  await Deno.copyFile(
    new URL("../../LICENSE", import.meta.url),
    new URL("LICENSES/MIT.txt", target),
  );
}
