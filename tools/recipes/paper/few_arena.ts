/** A few examples of Long Range Arena's texts, in files as the released ones are. @module */
import type { Part } from "@lionjs/lion/data";
import {
  LIST_OPS_TOKENS,
  listOps,
  type ListOpsExample,
} from "@lionjs/lion/datasets";
import { below, seeded } from "@lionjs/data/batches";
import { madeUpText } from "./few_texts.ts";

/** How many examples each part gets. */
const COUNTS: Readonly<Record<Part, number>> = {
  ...{ train: 16, validation: 4, test: 4 },
};

const PARTS = Object.keys(COUNTS) as Part[];

/** Sentences that fill a sequence of the arena's. */
const LONG = 160;

/** Files of ListOps. */
export async function writeFewLists(
  folder: string,
  texts: "short" | "long" = "short",
): Promise<void> {
  const sizes = texts === "short"
    ? { maxDepth: 3, minLength: 7, maxLength: 30 }
    : { maxDepth: 10, minLength: 500, maxLength: 2000 };
  await Deno.mkdir(`${folder}/listops-1000`);
  const names = { train: "train", validation: "val", test: "test" };
  for (const part of PARTS) {
    const size = COUNTS[part];
    const trees = listOps({
      ...{ size, part, ...sizes },
    });
    const lines = Array.from({ length: size }, (_, i) => {
      const { ids, label } = trees.get(i);
      return `${expressionOf(ids)}\t${label}`;
    });
    const text = ["Source\tTarget", ...lines, ""].join("\r\n");
    const name = `basic_${names[part]}.tsv`;
    await Deno.writeTextFile(`${folder}/listops-1000/${name}`, text);
  }
}

/** As the release writes a tree: a pair of parentheses for each element of a list. */
function expressionOf(ids: ListOpsExample["ids"]): string {
  /** The elements of the lists that are open, the innermost last. */
  const open: string[][] = [[]];
  for (const id of Array.from(ids)) {
    const token = LIST_OPS_TOKENS[id]!;
    if (token.startsWith("[")) open.push([token]);
    else if (token !== "X") open.at(-1)!.push(token);
    else {
      const [head, ...rest] = [...open.pop()!, "]"];
      open.at(-1)!.push(
        `${"( ".repeat(rest.length)}${head}${
          rest.map((element) => ` ${element} )`).join("")
        }`,
      );
    }
  }
  return open[0]![0]!;
}

/** IMDB's reviews, unpacked. */
export async function writeFewReviews(
  folder: string,
  texts: "short" | "long" = "short",
): Promise<void> {
  const sentences = texts === "short" ? 1 : LONG;
  for (const part of ["train", "test"] as const) {
    for (const [kind, stars] of [["neg", 2], ["pos", 9]] as const) {
      const random = seeded("few", "reviews", part, kind);
      const place = `${folder}/aclImdb/${part}/${kind}`;
      await Deno.mkdir(place, { recursive: true });
      for (let i = 0; i < COUNTS[part] / 2; i++) {
        await Deno.writeTextFile(
          `${place}/${i}_${stars}.txt`,
          madeUpText(sentences, random),
        );
      }
    }
  }
}

/** Pairs of papers. */
export async function writeFewPairs(
  folder: string,
  texts: "short" | "long" = "short",
): Promise<void> {
  await Deno.mkdir(`${folder}/tsv_data`);
  const names = { train: "train", validation: "eval", test: "test" };
  for (const part of PARTS) {
    const random = seeded("few", "pairs", part);
    const sentences = () => texts === "short" ? 1 + below(2, random) : LONG;
    const text = () => `"${madeUpText(sentences(), random)}"`;
    const lines = Array.from(
      { length: COUNTS[part] },
      (_, i) => `${i % 2}.0\t${i}\t${i + 1}\t${text()}\t${text()}\n`,
    );
    const name = `new_aan_pairs.${names[part]}.tsv`;
    await Deno.writeTextFile(`${folder}/tsv_data/${name}`, lines.join(""));
  }
}
