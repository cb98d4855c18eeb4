/** Members of a tar that belong together, as WebDataset has them. @module */
import type { TarMember } from "./members.ts";

interface Place {
  readonly key: string;
  readonly field: string;
}

/**
 * The key of a member, which is its path up to the first dot of its file's name,
 * and its field, which is the rest in lower case.
 *
 * Source: webdataset, `tariterators.py`.
 *
 * @returns `undefined` for what belongs to no sample: names without a dot, or
 * that begin with one, and `__….__`.
 */
export function placeOf(name: string): Place | undefined {
  if (name.startsWith("__") && name.endsWith("__")) return undefined;
  const found = /^((?:.*\/)?[^./][^./]*)\.([^/]*)$/s.exec(name);
  return found ? { key: found[1]!, field: found[2]!.toLowerCase() } : undefined;
}

/**
 * Puts members with one key that follow each other together.
 *
 * @param take Returns the value to keep of a member of a sample, given the
 * sample's place.
 * @returns Each sample's key, and the kept values by its fields.
 */
export async function* tarSamples<T>(
  name: string,
  members: AsyncIterable<TarMember>,
  take: (member: TarMember, sample: number) => T | Promise<T>,
): AsyncGenerator<{ key: string; fields: Map<string, T> }> {
  let sample: { key: string; fields: Map<string, T> } | undefined;
  let place = 0;
  for await (const member of members) {
    const found = placeOf(member.name);
    if (!found) continue;
    const { key, field } = found;
    if (sample && sample.key !== key) {
      yield sample;
      place++;
      sample = undefined;
    }
    sample ??= { key, fields: new Map() };
    if (sample.fields.has(field)) {
      throw new SyntaxError(
        `${name}:${member.name} should be there once, got the field ${field} of ${key} twice`,
      );
    }
    sample.fields.set(field, await take(member, place));
  }
  if (sample) yield sample;
}
