/** Checks that ranks do the same, before they exchange what depends on it. @module */
import { type ContextGroup, fingerprintOf } from "@lionjs/base";
import { exchangeValues, nameOf } from "./context_group.ts";

/** The base that splits a fingerprint into two halves, each exact in float32. */
const HALF = 2 ** 16;

/** Number of characters that describe a rank's work where ranks differ; more are cut off. */
const CHARACTERS = 1000;

/**
 * Throws on all ranks unless they do the same. The messages with which they
 * compare are the same whatever they do: four numbers each, in as many rounds
 * as it takes doublings to get from 1 to the number of ranks.
 *
 * @param operation The operation's name.
 * @param facts What should be the same, by name.
 * @throws {RangeError} It says what differs, and on which rank.
 */
export function assertSameOnRanks(
  operation: string,
  facts: Readonly<Record<string, unknown>>,
  ranks: ContextGroup,
): void {
  const { size } = ranks;
  if (size === 1) return;
  const lines = Object.entries({ operation, ...facts }).map(([name, value]) =>
    `${name} ${JSON.stringify(value) ?? "absent"}`
  );
  const text = lines.join("\n");
  const fingerprint = fingerprintOf(text);
  const high = Math.floor(fingerprint / HALF), low = fingerprint % HALF;
  // The halves' maxima over all ranks, and their minima with the opposite sign.
  let most = Float32Array.of(high, -high, low, -low);
  for (let distance = 1; distance < size; distance *= 2) {
    const theirs = passedAround(most, distance, ranks);
    most = most.map((own, i) => Math.max(own, theirs[i]!));
  }
  if (most[0] === -most[1]! && most[2] === -most[3]!) return;
  throw new RangeError(
    `${operation} should be the same on all ranks that share the tokens, got ${
      differenceIn(textsOf(text, ranks), ranks)
    }`,
  );
}

/** Receives values from the rank that is `by` places before this one, in a circle. */
function passedAround(
  values: Float32Array,
  by: number,
  ranks: ContextGroup,
): Float32Array {
  const { rank, size } = ranks;
  const peers = { to: (rank + by) % size, from: (rank + size - by) % size };
  return exchangeValues(ranks, values, peers, "what ranks do");
}

/** Collects the texts of all ranks, in the order of ranks. */
function textsOf(text: string, ranks: ContextGroup): string[] {
  const { rank, size } = ranks;
  const texts = new Array<string>(size);
  let passing: Float32Array = new Float32Array(CHARACTERS);
  passing.set(
    Array.from(text.slice(0, CHARACTERS), (_, i) => text.charCodeAt(i)),
  );
  for (let distance = 0; distance < size; distance++) {
    if (distance > 0) passing = passedAround(passing, 1, ranks);
    const codes = passing.filter((code) => code !== 0);
    texts[(rank + size - distance) % size] = String.fromCharCode(...codes);
  }
  return texts;
}

/** Describes what differs between the first rank and the next that does differ. */
function differenceIn(texts: readonly string[], ranks: ContextGroup): string {
  const named = texts.map((text, rank) => ({
    lines: text.split("\n"),
    text,
    rank: nameOf(ranks, rank),
  }));
  const first = named.reduce((a, b) => a.rank < b.rank ? a : b);
  const other = named.find(({ text }) => text !== first.text) ?? first;
  const only = (one: typeof first, another: typeof first) =>
    one.lines.filter((line) => !another.lines.includes(line)).join(", ");
  return `${only(other, first)} on rank ${other.rank}, and ${
    only(first, other)
  } on rank ${first.rank}`;
}
