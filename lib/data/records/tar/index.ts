/** The places of samples in a tar. @module */
import { fingerprintOf } from "@lionjs/base";
import type { RandomAccess } from "../../bytes/random_access.ts";
import { TAR_BLOCK } from "./header.ts";
import { RangeReader, type TarMember, tarMembers } from "./members.ts";
import { type TarSample, tarSample } from "./sample.ts";
import { tarSamples } from "./samples.ts";

/** The places of a tar's samples; as numbers in lists, they may be millions. */
export interface TarIndex {
  /** The tar's name; with `size`, its number of bytes, it identifies the tar. */
  readonly name: string;
  readonly size: number;
  readonly keys: string[];
  /** The index of each sample's first member, and at the end the number of members. */
  readonly firsts: number[];
  readonly fields: string[];
  /** Four numbers per member: the place of its field, its offset, size and fingerprint. */
  readonly members: number[];
}

/** The numbers in {@linkcode TarIndex.members} per member. */
const NUMBERS = 4;

/** The place of a member's content in the tar, in bytes. */
export interface MemberPlace {
  readonly offset: number;
  readonly size: number;
  /** The fingerprint of the member's header, to detect a changed tar. */
  readonly print: number;
}

/** The place of a member, in the tar or in one that this tar lies in. */
export function placeOfMember(
  { offset, size, header }: TarMember,
  startOfTar = 0,
): MemberPlace {
  return { offset: startOfTar + offset, size, print: printOf(header) };
}

function printOf(header: Uint8Array): number {
  return fingerprintOf(new TextDecoder("latin1").decode(header));
}

/** Finds the samples of a tar; only its headers are read. */
export async function indexTar(bytes: RandomAccess): Promise<TarIndex> {
  const { name, size } = bytes;
  const [keys, firsts, members]: [string[], number[], number[]] = [[], [0], []];
  const fields = new Map<string, number>();
  const samples = tarSamples(
    name,
    tarMembers(name, new RangeReader(bytes)),
    (member) => placeOfMember(member),
  );
  for await (const sample of samples) {
    keys.push(sample.key);
    for (const [field, { offset, size, print }] of sample.fields) {
      if (!fields.has(field)) fields.set(field, fields.size);
      members.push(fields.get(field)!, offset, size, print);
    }
    firsts.push(members.length / NUMBERS);
  }
  return { name, size, keys, firsts, members, fields: [...fields.keys()] };
}

export function sampleAt(
  index: TarIndex,
  bytes: RandomAccess,
  place: number,
): TarSample {
  const { keys, firsts, members, fields } = index;
  const places = Array.from(
    { length: firsts[place + 1]! - firsts[place]! },
    (_, i) => NUMBERS * (firsts[place]! + i),
  );
  return tarSample(
    bytes.name,
    keys[place]!,
    new Map(places.map((at) => [
      fields[members[at]!]!,
      () =>
        readMember(bytes, {
          offset: members[at + 1]!,
          size: members[at + 2]!,
          print: members[at + 3]!,
        }),
    ])),
  );
}

/**
 * Reads the content of a member, and its header before it: a tar that was packed
 * anew often has as many bytes as before, and the places of another.
 */
export async function readMember(
  bytes: RandomAccess,
  { offset, size, print }: MemberPlace,
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = await bytes.read(offset - TAR_BLOCK, TAR_BLOCK + size);
  if (printOf(whole.subarray(0, TAR_BLOCK)) === print) {
    return whole.slice(TAR_BLOCK);
  }
  throw new SyntaxError(
    `${bytes.name} should be as it was when its index was made, got another header before byte ${offset}; remove the index, and open it again`,
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
    firsts.at(-1) === members.length / NUMBERS &&
    members.every((value: number, i: number) =>
      i % NUMBERS > 0 || value < fields.length
    );
}
