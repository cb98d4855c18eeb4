/** Where contenders come in the paper's order, and where they do not. @module */
import { asMarkdownTexts, markdownTable } from "../markdown_text.ts";
import { columnsOf, figuresOf, inPoints, linkTo, show } from "./report.ts";
import type { RecipeResults } from "./results_file.ts";
import {
  holm,
  type Interval,
  pairedInterval,
  pairedProbability,
} from "./statistics.ts";
import { healthOf, isWithinLevel, verdictOf } from "./verdicts.ts";

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

/** Where less separates two in the paper, which has one run of each, they are level there. */
const LEVEL_THERE = 0.5;

/** The probability under which a difference counts, of all pairs together. */
const RARE = 0.05;

/** Whether contenders are in the paper's order here. */
export type Order = "the same" | "different" | "not told apart";

/** What a difference here says of one in the paper, in the same unit. */
export function orderOf(paper: number, here: Interval): Order {
  const isLevelThere = Math.abs(paper) < LEVEL_THERE;
  if (isLevelThere && isWithinLevel(here)) return "the same";
  const verdict = verdictOf(here);
  if (verdict !== "ahead" && verdict !== "behind") return "not told apart";
  if (isLevelThere) return "different";
  return (verdict === "ahead") === (paper > 0) ? "the same" : "different";
}

/** Two contenders here and in the paper. */
interface Comparison {
  readonly order: Order;
  /** The probability of such a difference where there is none. */
  readonly probability: number;
  /** Whose runs it compares. */
  readonly runs: readonly string[];
  readonly cells: readonly string[];
}

/** The page on it; "" where nothing of it was trained. */
export function besidePaper(recipes: readonly RecipeResults[]): string {
  const all = asMarkdownTexts(recipes).flatMap(comparisonsIn);
  if (all.length === 0) return "";
  const count = (wanted: Order) =>
    all.filter(({ order }) => order === wanted).length;
  const together = holm(all.map(({ probability }) => probability));
  const rare = together.filter((probability) => probability < RARE).length;
  const runs = new Set(all.flatMap(({ runs }) => runs)).size;
  return `# Compared with the paper

The paper trained larger models on far more data, so only the order of
contenders can be compared. The paper and we both measured ${all.length} pairs:
${count("the same")} are in the same order here and ${
    count("different")
  } in a different one; for
${
    count("not told apart")
  } our runs do not tell the two apart. A pair is level in the paper if less
than half a point separates the two there, and level here if our difference plus
its interval stays below two points. The pairs share ${runs} groups of runs, so they
are not independent; and of so many, some exceed their interval by chance: \* marks
the ${rare} differences that remain after Holm's correction over all pairs.
Contenders that have not learned their task are left out. Differences are those in
the first column of figures of each table.
LRA is Long Range Arena: its images are closest to our pixels, and its texts to
our spam.

${
    markdownTable(
      ["task", "contenders", "here", "paper", "the paper's task", "order"],
      all.map(({ cells: [task, pair, here, ...others] }, at) => [
        task!,
        pair!,
        together[at]! < RARE ? `${here} \\*` : here!,
        ...others,
      ]),
    )
  }`;
}

/** A recipe's pairs of which the paper has both figures, and which have learned. */
function comparisonsIn(results: RecipeResults): Comparison[] {
  const { recipe, trials } = results;
  const column = columnsOf(results)[0]!;
  const [{ mean: unit }] = inPoints(column, { mean: 1, half: 0 });
  const learned = healthOf(results).filter(({ isHealthy }) => isHealthy)
    .map(({ contender }) => contender);
  return (PAIRS[recipe] ?? []).filter((pair) =>
    pair.every((name) => learned.includes(name))
  ).flatMap(([contender, other]) => {
    const [own, others] = [contender, other].map((name) =>
      figuresOf(trials, name, column)!
    ) as [number[], number[]];
    const here = pairedInterval(own, others);
    return Object.entries(results.published).flatMap(([task, figures]) => {
      const [one, two] = [figures[contender], figures[other]];
      if (isCost(task) || one === undefined || two === undefined) return [];
      const there = one - two;
      const [points] = inPoints(column, here);
      const order = orderOf(there, points);
      return [{
        order,
        probability: pairedProbability(own, others),
        runs: [contender, other].map((name) => `${recipe}/${name}`),
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
