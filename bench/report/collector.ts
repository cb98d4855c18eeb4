/** Collects the points of a figure within the time that it has. @module */
import { GpuError } from "@lionjs/lion";
import type { Contender, OpenGroup } from "../group.ts";
import {
  type Budget,
  ParityError,
  timeAlternating,
} from "../measure/timing.ts";
import type { Gap, Point } from "../measure/report_file.ts";

/** The part of a figure, and the place in it, whose contenders take turns. */
export interface Place {
  readonly panel: string;
  readonly at: number;
}

/** How often a contender runs for a point, beside the fewest that are timed: checked, warmed up, watched. */
const OTHER_RUNS = 6;

/** Share of a figure's time that one contender may take for one point. */
const MOST_OF_POINT = 0.2;

/** The points of one figure on one backend, from small places to large ones. */
export class Collector {
  readonly points: Point[] = [];
  readonly gaps: Gap[] = [];
  readonly #seconds: number;
  readonly #budget: Budget;
  readonly #power: number;
  /** How often a contender runs for a point, about. */
  readonly #runs: number;
  readonly #start = performance.now();
  /** Of each panel: the last place, and the seconds that it took beside the runs. */
  readonly #last = new Map<string, { at: number; overhead: number }>();

  /**
   * @param seconds What the figure may take; what is begun is ended.
   * @param budget How long each contender is timed.
   * @param power By which power of the place tokens grow: 2 along the side of an image.
   */
  constructor(seconds: number, budget: Budget, power = 1) {
    this.#seconds = seconds;
    this.#budget = budget;
    this.#power = power;
    this.#runs = OTHER_RUNS + (budget.fewest ?? 5);
  }

  /** Seconds that are left. */
  get left(): number {
    return this.#seconds - (performance.now() - this.#start) / 1000;
  }

  /** Adds what was found by other means than {@linkcode Collector.measure}. */
  add(
    place: Place,
    series: string,
    found: Partial<Omit<Point, keyof Place | "series">>,
  ): void {
    this.points.push({
      ...{ ...place, series, time: null, gpuMilliseconds: null },
      ...{ memoryBytes: null, operations: null, bytes: null, ...found },
    });
  }

  /** Notes that something is missing. */
  skip({ panel, at }: Place, series: string, why: string): void {
    this.gaps.push({ panel, series, at, why });
  }

  /**
   * Those who can be measured at a place in the time that is left, as it seems
   * from the places before: who takes longest goes first. Notes who cannot.
   */
  affordable(place: Place, names: readonly string[]): string[] {
    const expected = names
      .map((name) => ({ name, seconds: this.#expected(place, name) }))
      .sort((a, b) => a.seconds - b.seconds);
    const able = new Set(names);
    const leaveOut = (name: string, why: string) => {
      able.delete(name);
      this.skip(place, name, why);
    };
    // What is there whoever runs, such as the reference.
    const last = this.#last.get(place.panel);
    let sum = last ? last.overhead * (place.at / last.at) ** this.#power : 0;
    if (sum > this.left || this.left <= 0) {
      const why = `the figure's ${tell(this.#seconds)} are used up`;
      names.forEach((name) => leaveOut(name, why));
    }
    for (const { name, seconds } of expected) {
      sum += this.#runs * seconds;
      const isLong = this.#runs * seconds > MOST_OF_POINT * this.#seconds;
      if (!able.has(name) || !isLong && sum <= this.left) continue;
      leaveOut(
        name,
        `a run would take about ${tell(seconds)}, and of the figure's ` +
          `${tell(this.#seconds)} ${tell(Math.max(0, this.left))} are left`,
      );
      sum -= this.#runs * seconds;
    }
    return names.filter((name) => able.has(name));
  }

  /**
   * Checks contenders, times them in turns and watches their memory.
   *
   * @param place Where their points go.
   * @param names Who should be in the group.
   * @param open Prepares their inputs.
   * @throws {ParityError} If a result of ours is wrong; nothing was timed then.
   */
  async measure(
    place: Place,
    names: readonly string[],
    open: (names: readonly string[]) => Promise<OpenGroup>,
  ): Promise<void> {
    const able = this.affordable(place, names);
    if (able.length === 0) return;
    const start = performance.now();
    let group: OpenGroup;
    try {
      group = await open(able);
    } catch (error) {
      const why = whyNotThere(error);
      able.forEach((name) => this.skip(place, name, why));
      return;
    }
    try {
      await this.#measure(place, group.contenders);
    } finally {
      await group.close();
    }
    const seconds = (performance.now() - start) / 1000;
    const own = this.points
      .filter(({ panel, at }) => panel === place.panel && at === place.at)
      .reduce(
        (sum, { time }) => sum + this.#runs * (time?.median ?? 0) / 1000,
        0,
      );
    // At the first place it is what comes once: shaders, and references.
    const overhead = this.#last.has(place.panel)
      ? Math.max(0, seconds - own)
      : 0;
    this.#last.set(place.panel, { at: place.at, overhead });
  }

  async #measure(
    place: Place,
    contenders: readonly Contender[],
  ): Promise<void> {
    const sound: Contender[] = [];
    for (const contender of contenders) {
      const { name, isPeer = false } = contender;
      try {
        const wrong = await contender.check();
        if (!wrong) sound.push(contender);
        else if (isPeer) {
          this.skip(place, name, `its result is wrong: ${wrong}`);
        } else {
          throw new ParityError(
            `${place.panel}, ${place.at}, ${name}: ${wrong}`,
          );
        }
      } catch (error) {
        if (error instanceof ParityError) throw error;
        this.skip(place, name, whyNotThere(error, isPeer));
      }
    }
    if (sound.length === 0) return;
    const times = await timeAlternating(sound, sound[0]!.name, this.#budget);
    for (const [i, { name, cost, usage }] of sound.entries()) {
      const { median, p20, p80, samples } = times[i]!;
      const used = await usage?.();
      this.add(place, name, {
        time: { median, p20, p80, samples },
        gpuMilliseconds: used?.gpuMilliseconds ?? null,
        memoryBytes: used ? used.peakBytes - used.bytesBefore : null,
        operations: cost?.operations ?? null,
        bytes: cost?.bytes ?? null,
      });
    }
  }

  /**
   * Seconds of a run: after one place as if it grew with the tokens, and then as
   * it has grown, with their square at most. 0 if there is no place before.
   */
  #expected({ panel, at }: Place, series: string): number {
    const [last, before] = this.points
      .filter((point) => point.panel === panel && point.series === series)
      .flatMap(({ at, time }) =>
        time ? [{ at, seconds: time.median / 1000 }] : []
      )
      .toReversed();
    if (!last) return 0;
    const grown = before
      ? Math.log(last.seconds / before.seconds) / Math.log(last.at / before.at)
      : this.#power;
    const power = Math.min(2 * this.#power, Math.max(0, grown));
    return last.seconds * (at / last.at) ** power;
  }
}

/** In words, why something cannot be computed; other errors are handed on, but for those of others. */
export function whyNotThere(error: unknown, isPeer = false): string {
  if (error instanceof RangeError || error instanceof GpuError || isPeer) {
    return String((error as Error).message).split("\n")[0]!;
  }
  throw error;
}

function tell(seconds: number): string {
  return `${Number(seconds.toPrecision(2))} s`;
}
