import { shown } from "@lionjs/base";
import type { Dataset } from "@lionjs/data/batches";
import { fileBytes } from "@lionjs/data/bytes";
import { LineIndex } from "@lionjs/data/records";
import { byteTokens, type LongRangePair } from "./examples.ts";
import { fieldsAt, fieldsOf } from "./fields.ts";

/**
 * Pairs of papers of the ACL Anthology Network.
 *
 * @param path The file: in each line a label, two ids and two texts between tabs.
 * @param length The most bytes of a text.
 */
export async function paperPairs(
  path: string,
  length: number,
): Promise<Dataset<LongRangePair>> {
  const index = await LineIndex.of(await fileBytes(path), (line) => {
    const where = `${path}:${line.number}`;
    labelIn(where, fieldsOf(where, line.bytes, 5));
    return true;
  });
  if (index.size === 0) {
    throw new SyntaxError(`${path} should have pairs of papers, got none`);
  }
  return {
    size: index.size,
    async get(place) {
      const { where, fields } = await fieldsAt(index, path, place, 5);
      return {
        pair: [byteTokens(fields[3]!, length), byteTokens(fields[4]!, length)],
        label: labelIn(where, fields),
      };
    },
  };
}

/** A label, which may be written as a float. */
function labelIn(where: string, [label]: readonly string[]): number {
  if (/^[01](\.0*)?$/.test(label!)) return Number(label);
  throw new SyntaxError(
    `${where} should have the label 0 or 1, got ${shown(label)}`,
  );
}
