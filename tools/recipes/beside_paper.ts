/** Where contenders come in the paper's order, and where they do not. @module */
import { asMarkdownTexts, markdownTable } from "../markdown_text.ts";
import { columnsOf, figuresOf, linkTo, show } from "./report.ts";
import type { RecipeResults } from "./results_file.ts";
import { type Interval, pairedInterval } from "./statistics.ts";
import { healthOf } from "./verdicts.ts";

/** A contender, and one that it is compared with. */
type Pair = readonly [contender: string, other: string];

const BESIDE_SOFTMAX: readonly Pair[] = [
  ["lion-lit", "softmax"],
  ["lion-d", "softmax"],
  ["lion-s", "softmax"],
];

const HIPPO: readonly Pair[] = [
  ["lion-d-hippo", "lion-d"],
  ["lion-s-hippo", "lion-s"],
];

const IMAGES: readonly Pair[] = [
  ...BESIDE_SOFTMAX,
  ["lion-d-snake", "lion-d"],
  ["lion-s-snake", "lion-s"],
  ["hydra", "lion-s-snake"],
  ["vim", "lion-s-snake"],
];

const PIXELS: readonly Pair[] = [
  ...BESIDE_SOFTMAX,
  ...HIPPO,
  ["lion-s-hippo", "lion-d-hippo"],
];

const PARTS: readonly Pair[] = [
  ["all", "not selective"],
  ["all", "not scaled"],
  ["all", "sigmoid, not scaled"],
  ["all", "scaled before the mask"],
  ["all", "ReLU"],
  ["all", "a decay a head"],
];

/** Pairs of each recipe whose figures the paper has, too. */
const PAIRS: Readonly<Record<string, readonly Pair[]>> = {
  "mnist-vit": BESIDE_SOFTMAX,
  mlm: [
    ...BESIDE_SOFTMAX,
    ["lion-d-positions", "lion-d"],
    ["lion-s-positions", "lion-s"],
  ],
  classify: BESIDE_SOFTMAX,
  "causal-lm": [["lion-s", "softmax-learned"], ["lion-s", "lion-lit"]],
  listops: BESIDE_SOFTMAX,
  "pixel-mnist": PIXELS,
  "pixel-fashion": PIXELS,
  spam: [...BESIDE_SOFTMAX, ...HIPPO],
  "images-mnist": IMAGES,
  "images-fashion": IMAGES,
  "images-fashion-longer": [["lion-s", "softmax"], ["lion-s-snake", "lion-s"]],
  distillation: [["lion-s, hard labels", "lion-s"]],
  "ablate-decay": [
    ["selective", "fixed"],
    ["selective, of channels", "selective"],
  ],
  "ablate-parts": [
    ["softmax, positions", "softmax"],
    ["linear, feature map, positions", "softmax, positions"],
    ["linear, feature map, positions", "linear, feature map"],
    ["linear, feature map, positions", "linear, positions"],
    ["linear, feature map, mask", "linear, feature map, positions"],
    ["linear, feature map, mask", "softmax, positions"],
  ],
  "ablate-direction": [
    ["both", "forward"],
    ["both", "backward"],
    ["both", "alternating"],
    ["snake, both", "both"],
  ],
  "ablate-long-range": PARTS,
  "ablate-fashion": PARTS,
};

/**
 * Two are level if their difference is smaller, in points of accuracy or in
 * perplexity: the paper's, which has one run each, and ours with its interval.
 */
const LEVEL = { paper: 0.5, here: 2 };

/** Whether contenders are in the paper's order here. */
export type Order = "the same" | "different" | "unclear";

/** What a difference here says of one in the paper, in the same unit. */
export function orderOf(paper: number, { mean, half }: Interval): Order {
  const isLevelThere = Math.abs(paper) < LEVEL.paper;
  const isClear = Math.abs(mean) > half;
  if (isLevelThere) {
    if (Math.abs(mean) + half < LEVEL.here) return "the same";
    return isClear ? "different" : "unclear";
  }
  if (!isClear) return "unclear";
  return Math.sign(mean) === Math.sign(paper) ? "the same" : "different";
}

/** Two contenders here and in the paper. */
interface Comparison {
  readonly order: Order;
  readonly cells: readonly string[];
}

/** The page on it; "" where nothing of it was trained. */
export function besidePaper(recipes: readonly RecipeResults[]): string {
  const all = asMarkdownTexts(recipes).flatMap(comparisonsIn);
  if (all.length === 0) return "";
  const count = (wanted: Order) =>
    all.filter(({ order }) => order === wanted).length;
  return `# Compared with the paper

The paper trained larger models on far more data, so only the order of
contenders can be compared. The paper and we both measured ${all.length} pairs:
${count("the same")} are in the same order here and ${
    count("different")
  } in a different one; for
${count("unclear")} our runs are too noisy to decide. A pair is level in the
paper if less than half a point separates the two there, and level here if our
difference plus its interval stays below two points. Contenders that have not
learned their task are left out. Differences are those in the first column of
figures of each table.
LRA is Long Range Arena: its images are closest to our pixels, and its texts to
our spam.

${
    markdownTable(
      ["task", "contenders", "here", "paper", "the paper's task", "order"],
      all.map(({ cells }) => cells),
    )
  }`;
}

/** A recipe's pairs of which the paper has both figures, and which have learned. */
function comparisonsIn(results: RecipeResults): Comparison[] {
  const { recipe, trials } = results;
  const column = columnsOf(results)[0]!;
  const unit = column.startsWith("accuracy") ? 100 : 1;
  const learned = healthOf(results).filter(({ isHealthy }) => isHealthy)
    .map(({ contender }) => contender);
  return (PAIRS[recipe] ?? []).filter((pair) =>
    pair.every((name) => learned.includes(name))
  ).flatMap(([contender, other]) => {
    const here = pairedInterval(
      figuresOf(trials, contender, column)!,
      figuresOf(trials, other, column)!,
    );
    return Object.entries(results.published).flatMap(([task, figures]) => {
      const [one, two] = [figures[contender], figures[other]];
      if (isCost(task) || one === undefined || two === undefined) return [];
      const there = one - two;
      const order = orderOf(there, {
        mean: unit * here.mean,
        half: unit * here.half,
      });
      return [{
        order,
        cells: [
          linkTo(results),
          `${contender} − ${other}`,
          show(column, here, true),
          show(column, { mean: there / unit, half: NaN }, true),
          task.replace(", paper", ""),
          order,
        ],
      }];
    });
  });
}

/** Whether a column is of times and not of what models have learned. */
function isCost(title: string): boolean {
  return title.startsWith("×");
}
