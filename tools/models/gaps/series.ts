/** Series that are drawn: sums and products of what real series are made of. @module */
import { below, normal, type Random } from "@lionjs/data/batches";

/** A part of a series, of about mean 0 and deviation 1. */
type Draw = (length: number, random: Random) => Float64Array;

const uniform = (low: number, high: number, random: Random) =>
  low + (high - low) * random();

const logUniform = (low: number, high: number, random: Random) =>
  Math.exp(uniform(Math.log(low), Math.log(high), random));

/** Numbers at all places. */
const numbersAt = (length: number, at: (t: number) => number) =>
  Float64Array.from({ length }, (_, t) => at(t));

/** Numbers less their mean, divided by their deviation. */
function standard(numbers: Float64Array): Float64Array {
  const mean = numbers.reduce((a, b) => a + b) / numbers.length;
  const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) /
    numbers.length;
  const deviation = Math.sqrt(variance) + 1e-9;
  return numbers.map((x) => (x - mean) / deviation);
}

/** A wave with harmonics, whose height may change slowly. */
const periodic: Draw = (length, random) => {
  const period = logUniform(4, 96, random);
  const roughness = uniform(0.3, 2, random);
  const harmonics = Array.from({ length: 1 + below(6, random) }, (_, i) => ({
    frequency: 2 * Math.PI * (i + 1) / period,
    phase: 2 * Math.PI * random(),
    height: normal(random) / (i + 1) ** roughness,
  }));
  const wave = standard(numbersAt(length, (t) =>
    harmonics.reduce(
      (sum, { frequency, phase, height }) =>
        sum + height * Math.sin(frequency * t + phase),
      0,
    )));
  if (random() < 0.6) return wave;
  const heights = rbf(length, random), change = uniform(0.1, 0.6, random);
  return wave.map((x, t) => x * (1 + change * heights[t]!));
};

/** Random waves, whose sum is nearly a Gaussian process with these frequencies. */
function randomWaves(
  length: number,
  frequency: () => number,
  random: Random,
): Float64Array {
  const numbers = new Float64Array(length);
  for (let wave = 0; wave < 40; wave++) {
    const speed = frequency(), phase = 2 * Math.PI * random();
    // Each place turns the one before: cos(a + b) = cos a cos b - sin a sin b.
    const turnX = Math.cos(speed), turnY = Math.sin(speed);
    let x = Math.cos(phase), y = Math.sin(phase);
    for (let t = 0; t < length; t++) {
      numbers[t]! += x;
      [x, y] = [x * turnX - y * turnY, x * turnY + y * turnX];
    }
  }
  return standard(numbers);
}

/** A Gaussian process with the kernel exp(-d² / 2ℓ²). */
const rbf: Draw = (length, random) => {
  const scale = logUniform(2, Math.max(4, length / 2), random);
  return randomWaves(length, () => normal(random) / scale, random);
};

/** A Gaussian process with Matérn's kernel of 3/2, whose frequencies are as Student's t. */
const matern32: Draw = (length, random) => {
  const scale = logUniform(1, Math.max(4, length / 2), random);
  const frequency = () => {
    const squares = normal(random) ** 2 + normal(random) ** 2 +
      normal(random) ** 2;
    return normal(random) * Math.sqrt(3 / squares) / scale;
  };
  return randomWaves(length, frequency, random);
};

/** A Gaussian process with Matérn's kernel of 1/2: a walk that is drawn back. */
const matern12: Draw = (length, random) => {
  const rho = Math.exp(-1 / logUniform(0.3, 100, random));
  const step = Math.sqrt(1 - rho * rho);
  let x = normal(random);
  return numbersAt(length, () => x = rho * x + step * normal(random));
};

const walk: Draw = (length, random) => {
  let x = 0;
  return standard(numbersAt(length, () => x += normal(random)));
};

/** Lines whose slope and level change at a few places. */
const trend: Draw = (length, random) => {
  const breaks = Array.from(
    { length: below(4, random) },
    () => below(length, random),
  );
  const jumps = random() < 0.4;
  let slope = normal(random), x = 0;
  return standard(numbersAt(length, (t) => {
    if (breaks.includes(t)) {
      slope = normal(random);
      if (jumps) x += normal(random) * length / 3;
    }
    return x += slope;
  }));
};

/** Each value from the two before: swings that fade and begin anew. */
const autoregressive: Draw = (length, random) => {
  const radius = 1 - logUniform(0.005, 0.4, random);
  const angle = 2 * Math.PI / logUniform(3, 60, random);
  const a = 2 * radius * Math.cos(angle), b = -radius * radius;
  let before = normal(random), x = normal(random);
  const next = () => {
    [before, x] = [x, a * x + b * before + normal(random)];
    return x;
  };
  for (let t = 0; t < 100; t++) next();
  return standard(numbersAt(length, next));
};

/** Short bumps, again and again, at nearly even times, as of a heart. */
const pulses: Draw = (length, random) => {
  const period = logUniform(8, 96, random);
  const jitter = random() < 0.5 ? 0 : 0.08 * period * random();
  const bumps = Array.from({ length: 1 + below(3, random) }, () => ({
    place: period * random(),
    width: Math.max(0.6, period * logUniform(0.01, 0.12, random)),
    height: normal(random),
  }));
  const numbers = new Float64Array(length);
  for (let start = -period; start < length + period; start += period) {
    const moved = start + jitter * normal(random);
    for (const { place, width, height } of bumps) {
      const middle = moved + place;
      const first = Math.max(0, Math.ceil(middle - 4 * width));
      for (let t = first; t < length && t <= middle + 4 * width; t++) {
        numbers[t]! += height * Math.exp(-(((t - middle) / width) ** 2) / 2);
      }
    }
  }
  return standard(numbers);
};

/** What series are made of; the commoner twice. */
const PARTS: readonly Draw[] = [
  ...[periodic, periodic, rbf, matern12, matern12, matern32],
  ...[walk, trend, autoregressive, pulses],
];

/** Draws a series: a sum or product of one to four parts, noise, and some outliers. */
export function drawSeries(length: number, random: Random): Float64Array {
  const count = 1 + below(4, random);
  let series: Float64Array = new Float64Array(length);
  for (let i = 0; i < count; i++) {
    const part = PARTS[below(PARTS.length, random)]!(length, random);
    const weight = Math.exp(0.8 * normal(random));
    series = i > 0 && random() < 0.25
      ? series.map((x, t) => x * (1 + 0.7 * part[t]!))
      : series.map((x, t) => x + weight * part[t]!);
  }
  series = standard(series);
  // Some real series, as of wind or sunspots, are skewed.
  if (random() < 0.2) {
    const skew = uniform(0.3, 1, random);
    series = standard(series.map((x) => Math.exp(skew * x)));
  }
  const noise = random() < 0.2 ? 0 : 0.3 * random();
  const outliers = random() < 0.7 ? 0 : 0.02 * random();
  return series.map((x) =>
    x + noise * normal(random) +
    (random() < outliers ? 5 * normal(random) : 0)
  );
}

/** The shortest and longest gap that is drawn. */
const GAP = { shortest: 3, longest: 48 } as const;

/** Draws which places are seen: 1, or 0 in gaps. */
export function drawSeen(
  length: number,
  random: Random,
): Uint8Array {
  const draw = random();
  if (draw < 0.2) {
    const share = uniform(0.02, 0.3, random);
    const seen = Uint8Array.from({ length }, () => random() < share ? 0 : 1);
    if (!seen.includes(0)) seen[below(length, random)] = 0;
    return seen;
  }
  const gap = Math.min(
    Math.round(logUniform(GAP.shortest, GAP.longest, random)),
    Math.floor(length / 2),
  );
  const first = draw < 0.3 ? length - gap : below(length - gap + 1, random);
  return Uint8Array.from(
    { length },
    (_, t) => t >= first && t < first + gap ? 0 : 1,
  );
}
