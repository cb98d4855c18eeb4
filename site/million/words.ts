/** Durations in words. @module */

/** Units from a minute on, in seconds, and what they are called. */
const UNITS = [
  [86_400, (count: number) => count === 1 ? "1 day" : `${count} days`],
  [3600, (count: number) => `${count} h`],
  [60, (count: number) => `${count} min`],
  [1, (count: number) => `${count} s`],
] as const;

/** A duration, from parts of a millisecond to days, in at most two units. */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`;
  if (milliseconds < 999.5) return `${milliseconds.toFixed(0)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  let at = UNITS.findIndex(([unit]) => Math.round(seconds) >= unit);
  // Rounded to the smaller unit of the two, it may be one of the next larger.
  const smaller = UNITS[Math.min(at + 1, UNITS.length - 1)]![0];
  let rest = Math.round(seconds / smaller) * smaller;
  if (at > 0 && rest >= UNITS[at - 1]![0]) at--;
  const words: string[] = [];
  for (const [unit, say] of UNITS.slice(at, at + 2)) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0) words.push(say(count));
  }
  return words.join(" ");
}
