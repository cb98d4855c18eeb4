export type Scale = "linear" | "log";

/** The span of an axis, and the round numbers along it. */
export interface Span {
  /** The smallest and the largest value; logarithms on a logarithmic axis. */
  readonly low: number;
  readonly high: number;
  /** The values of ticks, each to be labelled with {@linkcode tickText}. */
  readonly ticks: readonly number[];
}

/** The span of an axis for the given values. */
export function spanOf(values: readonly number[], scale: Scale): Span {
  const scaled = values.map((value) =>
    scale === "log" ? Math.log10(value) : value
  );
  let low = scaled.reduce((a, b) => Math.min(a, b), Infinity);
  let high = scaled.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(low < high)) {
    // Without points, or with points of one value, the span would be empty.
    const middle = Number.isFinite(low) ? low : 0;
    [low, high] = [middle - 0.5, middle + 0.5];
  }
  const ticks = scale === "log" ? logTicks(low, high) : linearTicks(low, high);
  return { low, high, ticks };
}

/** The label of a tick: 500, where plotly.js would write only 5. */
export function tickText(tick: number): string {
  const rounded = Number(tick.toPrecision(6));
  return Math.abs(rounded) >= 1e4 && Math.abs(rounded) < 1e9
    ? rounded.toLocaleString("en-US")
    : `${rounded}`;
}

/** An axis of plotly.js with the ticks of {@linkcode spanOf}. */
export function labelled(
  values: readonly number[],
  scale: Scale,
): Record<string, unknown> {
  if (scale === "linear") return {};
  const shown = values.filter((value) => Number.isFinite(value) && value > 0);
  const { ticks } = spanOf(shown, scale);
  return {
    type: scale,
    tickmode: "array",
    tickvals: ticks,
    ticktext: ticks.map(tickText),
  };
}

/** The ticks of a linear axis: round numbers, four to nine of them. */
function linearTicks(low: number, high: number): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / 4));
  // Rounding may leave a span below four steps of the power itself: 0.7 - 0.3 < 0.4.
  const step = power *
    ([5, 2].find((factor) => (high - low) / (factor * power) >= 4) ?? 1);
  const first = Math.ceil(low / step), last = Math.floor(high / step);
  return Array.from(
    { length: last - first + 1 },
    (_, i) => (first + i) * step,
  );
}

/** The ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or only the powers if there are many. */
function logTicks(low: number, high: number): number[] {
  const first = Math.floor(low), count = Math.ceil(high) - first + 1;
  const factors = high - low > 3 ? [1] : [1, 2, 5];
  const ticks = Array.from({ length: count }, (_, i) => 10 ** (first + i))
    .flatMap((power) => factors.map((factor) => factor * power))
    .filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
  return ticks.length > 1 ? ticks : linearTicks(10 ** low, 10 ** high);
}
