/** Ranks compare what they do, before they exchange what depends on it. @module */
import type { TokenRanks } from "../contract/communicator.ts";
import { fingerprintOf } from "../contract/fingerprint.ts";
import { nameOf } from "./token_ranks.ts";

/** A float32 holds half a fingerprint exactly. */
const HALF = 2 ** 16;

/** Characters of what a rank says where ranks differ; more are cut off. */
const CHARACTERS = 1000;

/**
 * Throws on all ranks unless they do the same. The messages by which they know
 * are the same whatever they do: as many of four numbers as it takes doublings to
 * get from 1 to the number of ranks.
 *
 * @param operation Its name.
 * @param facts What should be the same, by name.
 * @throws {RangeError} It says what differs, and on which rank.
 */
export function assertSameOnRanks(
  operation: string,
  facts: Readonly<Record<string, unknown>>,
  ranks: TokenRanks,
): void {
  const { size } = ranks;
  if (size === 1) return;
  const lines = Object.entries({ operation, ...facts }).map(([name, value]) =>
    `${name} ${JSON.stringify(value) ?? "absent"}`
  );
  const text = lines.join("\n");
  const fingerprint = fingerprintOf(text);
  const high = Math.floor(fingerprint / HALF), low = fingerprint % HALF;
  // The largest of all ranks, and with the other sign the smallest.
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

/** From the rank so many places before this one; the last is before the first. */
function passedAround(
  values: Float32Array,
  by: number,
  ranks: TokenRanks,
): Float32Array {
  const { rank, size } = ranks;
  const peers = { to: (rank + by) % size, from: (rank + size - by) % size };
  return ranks.exchange(values, peers, "what ranks do");
}

/** The texts of all ranks, in their order. */
function textsOf(text: string, ranks: TokenRanks): string[] {
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

/** What differs between the first rank and the next that does. */
function differenceIn(texts: readonly string[], ranks: TokenRanks): string {
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
