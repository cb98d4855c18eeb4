/** Fields between tabs, in which quotes are like any other character. @module */
import { assertPlace } from "@lionjs/data/batches";
import type { LineIndex } from "@lionjs/data/records";
import { utf8Text } from "@lionjs/base";

export function fieldsOf(
  where: string,
  bytes: Uint8Array,
  count: number,
): string[] {
  const fields = utf8Text(where, bytes).split("\t");
  if (fields.length === count) return fields;
  throw new SyntaxError(
    `${where} should have ${count} fields between tabs, got ${fields.length}`,
  );
}

/** The fields of the line at a place, and what messages call it. */
export async function fieldsAt(
  index: LineIndex,
  path: string,
  place: number,
  count: number,
): Promise<{ where: string; fields: readonly string[] }> {
  assertPlace(place, index.size);
  const { number, bytes } = await index.line(place);
  const where = `${path}:${number}`;
  return { where, fields: fieldsOf(where, bytes, count) };
}
