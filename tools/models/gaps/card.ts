/** The card of the package of gaps. @module */
import config from "../../../models/gaps/deno.json" with { type: "json" };
import { sha256Of } from "../../../lib/base/files.ts";
import { type Card, type CardRow, type Share, trainingOf } from "../card.ts";
import type { ModelRun } from "../model_recipe.ts";
import type { Trained } from "../training.ts";
import {
  errorFigure,
  GAPS,
  JUDGED,
  seriesFigure,
  type Tested,
  WINDOW,
} from "./testing.ts";

/** What the stages have kept. */
export interface Kept {
  readonly trained: Trained;
  readonly tests: {
    readonly steps: number;
    readonly int8: Tested;
    readonly float32: Tested;
    /** Of a processor that a window takes, many at a time. */
    readonly milliseconds: number;
    /** F1 of planted spikes. */
    readonly outliers: {
      readonly series: number;
      readonly model: number;
      readonly medianFilter: number;
    };
  };
  /** By what they are called. */
  readonly baselines: Readonly<Record<string, Tested>>;
  /** Of each twin, what it reaches from each seed. */
  readonly twins: Readonly<
    Record<string, {
      readonly parameters: number;
      readonly steps: number;
      readonly seeds: readonly Tested[];
    }>
  >;
  readonly options: object;
  readonly seed: number;
}

/** What is to be left of 1 by the mean error, and by the truth in the band and outside it. */
const LEAST = { error: 0.43, inside: 0.7, outside: 0.1 };

/** The longest time of a series in milliseconds. */
const LONGEST = 5;

/** How much larger a causal twin's error is to be. */
const CAUSAL = 0.2;

/** The largest error that int8 may add, and the share of bytes that it may take. */
const MOST_LOST = 0.005, MOST_BYTES = 0.27;

const GAP_COLUMNS = GAPS.map((gap) => `${gap} places`);
const MEAN_COLUMN = `mean of ${JUDGED.join(", ")}`;

/** The errors by gap, and their mean. */
function rowOf(name: string, found: Tested): CardRow {
  return {
    name,
    shares: {},
    figures: {
      ...Object.fromEntries(
        GAPS.map((gap, i) => [GAP_COLUMNS[i]!, errorFigure(found, [gap])]),
      ),
      [MEAN_COLUMN]: errorFigure(found),
    },
  };
}

/** The card of what was trained and tested. */
export async function cardOf(
  { trained, tests, baselines, twins, options, seed }: Kept,
  { target, note, isSmoke }: ModelRun,
): Promise<Card> {
  const weights = await Deno.readFile(new URL("model.safetensors", target));
  const ofFloat32 = weights.length / (4 * trained.parameters);
  const { int8, float32, milliseconds, outliers } = tests;
  const error = errorFigure(int8).value;
  const line = baselines["line"];
  const covered = sumOf(Object.values(int8.covered));
  const [series] = Object.values(int8.errors);
  const windows = series![GAPS[0]]!.length;
  const twinsOf = (name: string) => {
    const { seeds } = twins[name]!;
    return seeds.reduce((sum, seed) => sum + errorFigure(seed).value, 0) /
      seeds.length;
  };
  return {
    name: "gaps",
    title: "gaps in series",
    first:
      "**It weighs simple guesses before it learns anything:** lines, smoothers and the " +
      "means of found periods, tried out elsewhere in the same series. What these reach " +
      "without the model, and what a Gaussian process does, stands in the first table.",
    about:
      "It fills what is missing in a series of numbers, in the middle or at the end, with " +
      "a band that holds the truth in four of five cases. Each place of the series gets " +
      "its value, whether it is seen, what the guesses say, how wrong they are where the " +
      "same gaps are moved to, and what stands at the same phase of the found period. A " +
      "LION encoder that reads both sides weighs the guesses and adds what they lack, as " +
      "nine quantiles. `fill()` returns the middle one.",
    use: `import { fill, outliers } from "@lionjs/gaps";

const tides = Array.from({ length: 96 }, (_, hour) => 3 + Math.sin(hour / 2));
const holes = tides.map((height, hour) => hour >= 40 && hour < 60 ? null : height);
const [whole] = await fill([holes]); // known values come back unchanged
const [band] = await fill([holes], { bands: true }); // { values, low, high }
console.log(whole, band, await outliers([tides]));`,
    data: [{
      source: "drawn by this package's recipe (`tools/models/gaps/series.ts`)",
      version: config.version,
      licence: "MIT",
      notice: "Nobody's data",
      examples: trained.examples,
    }],
    split:
      "Nothing real trains it. It is tested on ten series of the packages vega-datasets " +
      "3.2.1 of npm and python3-statsmodels and python3-pywt of Debian, which are not " +
      `given away here: ${windows} windows of ${WINDOW} places for each series and gap, ` +
      "drawn at random. What is scaled or computed for a gap comes from outside it.",
    model: { parameters: trained.parameters, options },
    training: {
      ...await trainingOf("gaps", trained, seed),
      about: `That is ${
        Math.round(trained.examples / trained.seconds)
      } series a second; the cores were shared with other programs.`,
    },
    weights: { sha256: sha256Of(weights), bytes: weights.length, ofFloat32 },
    tables: [
      {
        title: "Error in a gap, by its length",
        columns: [...GAP_COLUMNS, MEAN_COLUMN],
        rows: [
          ...Object.entries(baselines).map(([name, found]) =>
            rowOf(name, found)
          ),
          rowOf("this model, int8", int8),
          rowOf("float32", float32),
        ],
        note:
          "The mean absolute error, divided by the mean absolute deviation of what is " +
          "seen: 1 is about what the mean reaches. In brackets are 95 % intervals by " +
          "Student's t over the means of the series, whose number is n, since windows of " +
          "one series are not independent; they are wide because some series can hardly be " +
          "helped.",
      },
      {
        title: `Error by series, ${MEAN_COLUMN} places`,
        columns: ["line", "this model, int8"],
        rows: Object.keys(int8.errors).map((name) => ({
          name,
          shares: {},
          figures: {
            ...line && { line: seriesFigure(line, name) },
            "this model, int8": seriesFigure(int8, name),
          },
        })),
        note:
          "Here n is the number of windows, and intervals are by windows. Nothing beats a " +
          "line on a random walk, as of prices; a heart's beats are longer than these " +
          "windows; wind from day to day is nearly noise.",
      },
      {
        title: "Truth within the band of 80 %",
        columns: GAP_COLUMNS,
        rows: [{
          name: "this model, int8",
          shares: Object.fromEntries(
            GAPS.map((gap, i) => [GAP_COLUMNS[i]!, int8.covered[gap]!]),
          ),
        }],
        note:
          "Places, not gaps, are counted, which are not independent: the intervals are too " +
          "narrow.",
      },
      ...Object.keys(twins).length === 0 ? [] : [{
        title: "Twins",
        columns: [...GAP_COLUMNS, MEAN_COLUMN],
        rows: Object.entries(twins).flatMap(([name, { seeds, parameters }]) =>
          seeds.map((found, i) =>
            rowOf(
              `${name}, ${parameters.toLocaleString("en")} parameters, seed ${
                i + 1
              }`,
              found,
            )
          )
        ),
        note:
          `Each after ${
            Object.values(twins)[0]!.steps.toLocaleString("en")
          } steps, far fewer than the shipped weights', on fewer windows. The causal one sees ` +
          "nothing after a gap, and its guesses neither; the softmax one has the same " +
          "guesses and periods, and a table of positions.",
      }],
    ],
    bars: [
      {
        what: `1 less the error, ${MEAN_COLUMN}`,
        least: LEAST.error,
        reached: 1 - error,
      },
      ...line
        ? GAPS.map((gap) => ({
          what: `1 less the error over a line's, gap of ${gap}`,
          least: 0,
          reached: 1 -
            errorFigure(int8, [gap]).value / errorFigure(line, [gap]).value,
        }))
        : [],
      {
        what: "truth within the band",
        least: LEAST.inside,
        reached: shareOf(covered),
      },
      {
        what: "truth outside the band",
        least: LEAST.outside,
        reached: 1 - shareOf(covered),
      },
      ...twins["causal"] && twins["both ways"]
        ? [{
          what: "1 less the error over the causal twin's",
          least: CAUSAL,
          reached: 1 - twinsOf("both ways") / twinsOf("causal"),
        }]
        : [],
      {
        what: "planted spikes found, F1 less a median filter's",
        least: 0,
        reached: outliers.model - outliers.medianFilter,
      },
      {
        what: "speed, 1 being a series in 5 ms of a processor",
        least: 1,
        reached: LONGEST / milliseconds,
      },
      {
        what: "accuracy kept by int8: 1 less the error that it adds",
        least: 1 - MOST_LOST,
        reached: 1 - (error - errorFigure(float32).value),
      },
      {
        what: "bytes of float32 that int8 saves",
        least: 1 - MOST_BYTES,
        reached: 1 - ofFloat32,
      },
    ],
    limits: [
      "It does not know what a series is about: no holidays, no bounds such as 0.",
      "Half of the tested series can hardly be helped: where neighbours tell little, the " +
      "band is wide, and a line or the mean does as well.",
      "Periods of less than 3 places, or of more than half of the 256 places that it reads, " +
      "are not found.",
      `Of ${outliers.series} windows with four planted spikes each, outliers() reaches an F1 ` +
      `of ${outliers.model.toFixed(2)}, a median filter of seven places ${
        outliers.medianFilter.toFixed(2)
      }.`,
      `A window takes ${
        milliseconds.toFixed(1)
      } ms of a processor with one thread, guesses included: the least of some rounds ` +
      "on a machine that was busy with other programs.",
      "Periods are whole numbers of places, so others drift in long forecasts.",
      ...Object.keys(twins).length === 0
        ? ["The twins (causal, softmax) are not trained yet."]
        : [],
      ...note === undefined ? [] : [note],
      ...isSmoke ? ["Made by --smoke: no figure means anything."] : [],
    ],
  };
}

function sumOf(shares: readonly Share[]): Share {
  return {
    solved: shares.reduce((sum, { solved }) => sum + solved, 0),
    of: shares.reduce((sum, { of }) => sum + of, 0),
  };
}

const shareOf = ({ solved, of }: Share) => solved / of;
