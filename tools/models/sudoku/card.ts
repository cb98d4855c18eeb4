/** The card of the package of Sudokus. @module */
import { LEVELS } from "../../../models/sudoku/puzzles/mod.ts";
import config from "../../../models/sudoku/deno.json" with { type: "json" };
import { sha256Of } from "../../../lib/base/files.ts";
import { type Card, type CardRow, type Share, trainingOf } from "../card.ts";
import type { ModelRun } from "../model_recipe.ts";
import type { Shares } from "./testing.ts";
import type { Trained } from "../training.ts";

/** What the stages have kept. */
export interface Kept {
  readonly leaks:
    | {
      readonly trained: number;
      readonly tested: number;
      readonly shared: number;
    }
    | undefined;
  readonly trained: Trained;
  readonly tests: {
    readonly steps: number;
    readonly margin: Shares;
    readonly float32: Shares;
    /** Of each order, a table per seed. */
    readonly orders: Readonly<Record<string, readonly Shares[]>>;
    /** Of the 40 puzzles of sudoku-gen. */
    readonly seeds: Share;
    readonly searchMilliseconds: number;
  };
  /** Of each twin, a table per seed. */
  readonly twins: Readonly<
    Record<string, {
      readonly parameters: number;
      readonly steps: number;
      readonly shares: readonly Shares[];
    }>
  >;
  readonly options: object;
  readonly seed: number;
}

/** What the shipped weights are to reach. */
const LEAST = { naked: 0.99, hidden: 0.9, sets: 0.4, hard: 0.1 } as const;

/** The largest share of puzzles that int8 may lose, and of the bytes that it may take. */
const MOST_LOST = 0.005, MOST_BYTES = 0.27;

/** The card of what was trained and tested. */
export async function cardOf(
  { leaks, trained, tests, twins, options, seed }: Kept,
  { target, note, isSmoke }: ModelRun,
): Promise<Card> {
  const weights = await Deno.readFile(new URL("model.safetensors", target));
  const ofFloat32 = weights.length / (4 * trained.parameters);
  const lost = shareOf(sumOf(LEVELS.map((level) => tests.float32[level]))) -
    shareOf(sumOf(LEVELS.map((level) => tests.margin[level])));
  const one = tests.margin[LEVELS[0]].of;
  const fewer = tests.orders["margin"]![0]![LEVELS[0]].of;
  return {
    name: "sudoku",
    title: "Sudokus in any order",
    first:
      `**Backtracking solves all of them in ${
        tests.searchMilliseconds.toFixed(1)
      } ms each.** This model is no better solver: it shows what the order is worth in ` +
      "which a masked diffusion model fills in what it does not know. The same weights " +
      "solve most puzzles or none, by whether they may begin where they are surest.",
    about:
      "It reads a grid whose unknown cells are masked, and gives each the " +
      "probabilities of nine digits. The cell whose two likeliest digits are furthest " +
      "apart is filled in, and the model reads the grid again.",
    use: `import { solve } from "@lionjs/sudoku";

console.log(await solve([
  "530070000600195000098000060800060003400803001700020006060000280000419005000080079",
]));`,
    data: [{
      source: "drawn by this package (`puzzles/generate.ts`)",
      version: config.version,
      licence: "MIT",
      notice: "Nobody's data",
      examples: leaks?.trained ?? 0,
    }],
    split:
      "Puzzles to train on and to test on are drawn from different seeds, and each " +
      "is seen under ever new symmetries. " +
      (leaks
        ? `Of ${leaks.tested} test puzzles, ${leaks.shared} have the solution of one of ` +
          `${
            leaks.trained.toLocaleString("en")
          } training puzzles, or an image of it.`
        : "Whether they share solutions was not tested."),
    model: { parameters: trained.parameters, options },
    training: {
      ...await trainingOf("sudoku", trained, seed),
      about: `That is ${
        Math.round(trained.examples / trained.seconds)
      } puzzles a second; the cores were shared with other programs.`,
    },
    weights: { sha256: sha256Of(weights), bytes: weights.length, ofFloat32 },
    tables: [
      {
        title: "Puzzles solved, by the techniques that they need",
        columns: LEVELS,
        rows: [
          rowOf("this model, int8", [tests.margin]),
          rowOf("float32", [tests.float32]),
        ],
        note:
          "Every cell must be right. One cell is filled in per call, that of the " +
          "largest margin. In brackets are 95 % intervals, and the number of unseen " +
          "puzzles. *naked*: naked singles suffice; *hidden*: with hidden singles; " +
          "*sets*: with locked candidates, pairs and triples; *hard*: what these leave. " +
          `Of the 40 puzzles of sudoku-gen 1.0.2 it solves ${tests.seeds.solved}.`,
      },
      {
        title: "What the order is worth: the same weights",
        columns: LEVELS,
        rows: Object.entries(tests.orders).map(([order, shares]) =>
          rowOf(order, shares)
        ),
        note:
          `On the first ${fewer} of the ${one} puzzles of each kind; "random" is ` +
          `the sum of ${tests.orders["random"]!.length} seeds.`,
      },
      ...Object.keys(twins).length === 0 ? [] : [{
        title: "Twins",
        columns: LEVELS,
        rows: Object.entries(twins).map(([name, { shares, parameters }]) =>
          rowOf(
            `${name}, ${parameters.toLocaleString("en")} parameters`,
            shares,
          )
        ),
        note: `Each after ${
          Object.values(twins)[0]!.steps.toLocaleString("en")
        } steps, far fewer than the shipped weights', from each of ${
          Math.max(...Object.values(twins).map(({ shares }) => shares.length))
        } seeds, which are added up.`,
      }],
    ],
    bars: [
      ...LEVELS.map((level) => ({
        what: `${level} puzzles solved`,
        least: LEAST[level],
        reached: shareOf(tests.margin[level]),
      })),
      {
        what: "sudoku-gen's puzzles solved",
        least: 26 / 40,
        reached: shareOf(tests.seeds),
      },
      {
        what: "puzzles kept by int8: 1 less what it loses",
        least: 1 - MOST_LOST,
        reached: 1 - lost,
      },
      {
        what: "bytes of float32 that int8 saves",
        least: 1 - MOST_BYTES,
        reached: 1 - ofFloat32,
      },
    ],
    limits: [
      "Puzzles that need a search are beyond it: it guesses, and one wrong cell spoils " +
      "the rest.",
      "A puzzle with several solutions gets one answer, or none that is right.",
      "It never says that a puzzle has no solution.",
      ...Object.keys(twins).length === 0
        ? ["The twins (left to right, causal, softmax) are not trained yet."]
        : [],
      ...note === undefined ? [] : [note],
      ...isSmoke ? ["Made by --smoke: no figure means anything."] : [],
    ],
  };
}

function rowOf(name: string, tables: readonly Shares[]): CardRow {
  return {
    name,
    shares: Object.fromEntries(
      LEVELS.map((
        level,
      ) => [level, sumOf(tables.map((table) => table[level]))]),
    ),
  };
}

function sumOf(shares: readonly Share[]): Share {
  return {
    solved: shares.reduce((sum, { solved }) => sum + solved, 0),
    of: shares.reduce((sum, { of }) => sum + of, 0),
  };
}

const shareOf = ({ solved, of }: Share) => solved / of;
