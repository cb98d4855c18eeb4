/** Angles along a sequence, and pairs of channels that turn by them. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";

/** Number of parts of a full turn. */
const PARTS = 4096;
const PART = 2 * Math.PI / PARTS;
/** A part in radians as a number of few digits, whose multiples are exact, and the rest. */
const [FIRST_OF_PART, REST_OF_PART] = [402 / 2 ** 18, PART - 402 / 2 ** 18];

/**
 * Cumulative sums of angles along axis 2, but for whole turns: whole parts of a turn are
 * summed as integers, so that sums of thousands lose no digits.
 *
 * @param angles `[batch, heads, length, channels]`, in radians.
 */
export function summedAngles(graph: GraphBuilder, angles: Value): Value {
  const times = (x: Value, factor: number) =>
    graph.multiply(x, graph.number(factor));
  const parts = graph.node("Round", [times(angles, 1 / PART)]);
  const rest = graph.subtract(
    graph.subtract(angles, times(parts, FIRST_OF_PART)),
    times(parts, REST_OF_PART),
  );
  const sums = graph.cumulativeSum(graph.cast(parts, "int64"), 2);
  const withinTurn = graph.node("Mod", [sums, graph.integer(PARTS)]);
  return graph.add(
    times(graph.cast(withinTurn, "float32"), PART),
    graph.cumulativeSum(rest, 2),
  );
}

/** Turns each pair of channels (2m, 2m + 1) by its angle; further channels stay. */
export function turnedBy(
  graph: GraphBuilder,
  x: Value,
  { angles, count, headDim }: {
    readonly angles: Value;
    /** The number of angles. */
    readonly count: number;
    /** The number of channels. */
    readonly headDim: number;
  },
): Value {
  const pairs = graph.reshape(
    graph.slice(x, 3, 0, 2 * count),
    ...[0, 0, 0, count, 2],
  );
  const [first, second] = [0, 1].map((channel) =>
    graph.squeeze(graph.slice(pairs, 4, channel, channel + 1), 4)
  ) as [Value, Value];
  const turned = [
    rotation(graph, { first, second, angles, sign: -1 }),
    rotation(graph, { first: second, second: first, angles, sign: 1 }),
  ].map((channel) => graph.expandAxes(channel, 4));
  const turning = graph.reshape(graph.concat(turned, 4), 0, 0, 0, 2 * count);
  if (2 * count === headDim) return turning;
  return graph.concat([turning, graph.slice(x, 3, 2 * count)], 3);
}

/** `first · cos ± second · sin` */
function rotation(
  graph: GraphBuilder,
  { first, second, angles, sign }: {
    readonly first: Value;
    readonly second: Value;
    readonly angles: Value;
    readonly sign: 1 | -1;
  },
): Value {
  const along = graph.multiply(first, graph.node("Cos", [angles]));
  const across = graph.multiply(second, graph.node("Sin", [angles]));
  return sign === 1 ? graph.add(along, across) : graph.subtract(along, across);
}

/**
 * Rotates each pair of columns (n, n + headDim / 2) by
 * `place / scale · base^(-2n / headDim)`.
 *
 * @param x `[batch, heads, length, headDim]`
 * @param places `[batch or 1, length]`, float32.
 */
export function rotated(
  graph: GraphBuilder,
  x: Value,
  { places, headDim, base, scale }: {
    readonly places: Value;
    readonly headDim: number;
    readonly base: number;
    readonly scale: number;
  },
): Value {
  const count = headDim / 2;
  const turns = Array.from(
    { length: count },
    (_, n) => base ** (-n / count) / (2 * Math.PI * scale),
  );
  // The product of a place with a number of few digits is exact, and so is its fraction.
  const coarse = turns.map((turn) => Math.round(turn * 2 ** 12) / 2 ** 12);
  const row = (values: number[]) =>
    graph.constant("float32", [count], Float32Array.from(values));
  const each = graph.expandAxes(places, 1, 3); // [batch or 1, 1, length, 1]
  const whole = graph.multiply(each, row(coarse));
  const part = graph.multiply(
    each,
    row(turns.map((turn, n) => turn - coarse[n]!)),
  );
  const fraction = graph.subtract(whole, graph.node("Floor", [whole]));
  const angles = graph.multiply(
    graph.add(fraction, part),
    graph.number(2 * Math.PI),
  );
  const first = graph.slice(x, 3, 0, count), second = graph.slice(x, 3, count);
  return graph.concat([
    rotation(graph, { first, second, angles, sign: -1 }),
    rotation(graph, { first: second, second: first, angles, sign: 1 }),
  ], 3);
}
