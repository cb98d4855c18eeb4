/** Where one curve passes another. @module */
import {
  type MeasuredFigure,
  type Point,
  steadyMilliseconds,
} from "../measure/report_file.ts";
import { FIGURES } from "./figures.ts";

/** Two contenders, and from where on the first takes less time. */
export interface Crossing {
  readonly panel: string;
  readonly faster: string;
  readonly slower: string;
  /** Where they meet; 0 if one is faster from the first place on, Infinity if it is not up to the last. */
  readonly at: number;
  /** Places at which both times are steady: the first and the last. */
  readonly from: number;
  readonly to: number;
}

/**
 * Where a contender is faster than another from there on, between places as
 * straight lines on logarithmic axes; `undefined` without two common places.
 */
export function crossingOf(
  points: readonly Point[],
  panel: string,
  faster: string,
  slower: string,
): Crossing | undefined {
  const ofSeries = (series: string) =>
    new Map(
      points.filter((point) => point.panel === panel && point.series === series)
        .flatMap(({ at, time }) => {
          const milliseconds = steadyMilliseconds(time);
          return milliseconds === null ? [] : [[at, milliseconds] as const];
        }),
    );
  const [ours, theirs] = [ofSeries(faster), ofSeries(slower)];
  const gains = [...ours]
    .filter(([at]) => theirs.has(at))
    .map(([at, time]) => ({ at, gain: Math.log(theirs.get(at)! / time) }))
    .sort((a, b) => a.at - b.at);
  if (gains.length < 2) return undefined;
  const [from, to] = [gains[0]!.at, gains.at(-1)!.at];
  const last = gains.findLastIndex(({ gain }) => gain <= 0);
  const place = { panel, faster, slower, from, to };
  if (last < 0) return { ...place, at: 0 };
  const [a, b] = [gains[last]!, gains[last + 1]];
  if (!b) return { ...place, at: Infinity };
  const share = -a.gain / (b.gain - a.gain);
  return { ...place, at: a.at * (b.at / a.at) ** share };
}

/** In which panel one is faster, and from where on; `unit` is what places count. */
function tellPlace({ panel, at, from, to }: Crossing, unit: string): string {
  if (at === 0) {
    return `${panel} at every length measured (${from} ${unit} and more)`;
  }
  if (at === Infinity) return `${panel} not up to ${to} ${unit}, the longest`;
  return `${panel} from about ${Number(at.toPrecision(2))} ${unit} on`;
}

/**
 * Where curves of a figure cross, in words, for each pair of its row.
 * The shortest and the longest places are those at which both times are steady.
 */
export function tellCrossings(
  { figure, points }: MeasuredFigure,
): string[] {
  const panels = [...new Set(points.map(({ panel }) => panel))];
  const { crossings = [], axis } = FIGURES[figure];
  return crossings.flatMap(([faster, slower]) => {
    const places = panels.flatMap((panel) => {
      const crossing = crossingOf(points, panel, faster, slower);
      return crossing ? [tellPlace(crossing, axis!)] : [];
    });
    if (places.length === 0) return [];
    return [`${faster} is faster than ${slower}: ${places.join("; ")}.`];
  });
}
