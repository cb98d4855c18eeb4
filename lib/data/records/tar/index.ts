/** Where the samples of a tar lie. @module */
import type { RandomAccess } from "../../bytes/random_access.ts";
import { RangeReader, tarMembers } from "./members.ts";
import { type TarSample, tarSample } from "./sample.ts";
import { tarSamples } from "./samples.ts";

/** The places of a tar's samples; as numbers in lists, they may be millions. */
export interface TarIndex {
  /** The tar's name and number of bytes, by which it is known again. */
  readonly name: string;
  readonly size: number;
  /** The samples' keys. */
  readonly keys: string[];
  /** The first member of each sample, and after the last the number of members. */
  readonly firsts: number[];
  /** The names of all fields. */
  readonly fields: string[];
  /** Of each member the place of its field, its offset and its size. */
  readonly members: number[];
}

/**
 * Finds the samples of a tar; only its headers are read.
 *
 * @throws {SyntaxError} If it is cut or damaged, or none.
 */
export async function indexTar(bytes: RandomAccess): Promise<TarIndex> {
  const { name, size } = bytes;
  const [keys, firsts, members]: [string[], number[], number[]] = [[], [0], []];
  const fields = new Map<string, number>();
  const samples = tarSamples(
    name,
    tarMembers(name, new RangeReader(bytes)),
    ({ offset, size }) => ({ offset, size }),
  );
  for await (const sample of samples) {
    keys.push(sample.key);
    for (const [field, { offset, size }] of sample.fields) {
      if (!fields.has(field)) fields.set(field, fields.size);
      members.push(fields.get(field)!, offset, size);
    }
    firsts.push(members.length / 3);
  }
  return { name, size, keys, firsts, members, fields: [...fields.keys()] };
}

/** The sample at a place of an index. */
export function sampleAt(
  index: TarIndex,
  bytes: RandomAccess,
  place: number,
): TarSample {
  const { keys, firsts, members, fields } = index;
  const places = Array.from(
    { length: firsts[place + 1]! - firsts[place]! },
    (_, i) => 3 * (firsts[place]! + i),
  );
  return tarSample(
    bytes.name,
    keys[place]!,
    new Map(places.map((at) => [
      fields[members[at]!]!,
      () => bytes.read(members[at + 1]!, members[at + 2]!),
    ])),
  );
}

/** Whether a value that was read from a file is the index of a tar. */
export function isIndexOf(
  value: unknown,
  { name, size }: RandomAccess,
): value is TarIndex {
  const index = Object(value);
  const { keys, firsts, members, fields } = index;
  if (index.name !== name || index.size !== size) return false;
  const isNumber = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  return [keys, firsts, members, fields].every(Array.isArray) &&
    [...keys, ...fields].every((item) => typeof item === "string") &&
    [...firsts, ...members].every(isNumber) &&
    firsts.length === keys.length + 1 &&
    firsts.at(-1) === members.length / 3 &&
    members.every((value: number, i: number) =>
      i % 3 > 0 || value < fields.length
    );
}
