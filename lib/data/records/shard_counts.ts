/** The numbers of examples in the shards of a stream. @module */
import { assertInteger } from "@lionjs/base";
import { files, ifThere, writeAtomically } from "@lionjs/base/files";
import type { ShardedStream } from "./sharded_stream.ts";

/**
 * Counts the examples of shards that do not say how many they have, which reads
 * all of them.
 *
 * @param path A file that keeps the counts by the names of the shards, each
 * from when it is known; those that it has are not counted again.
 */
export async function shardCounts<E>(
  stream: ShardedStream<E>,
  path: string | undefined,
): Promise<number[]> {
  const kept = path === undefined ? new Map() : await readCounts(path);
  const counts: number[] = [];
  for (const [shard, { name, count }] of stream.shards.entries()) {
    const known = count ?? kept.get(name);
    counts.push(known ?? await countOf(stream, shard));
    if (known !== undefined || path === undefined) continue;
    kept.set(name, counts[shard]!);
    const text = `${JSON.stringify({ counts: [...kept] }, null, 1)}\n`;
    await writeAtomically(path, [new TextEncoder().encode(text)]);
  }
  return counts;
}

async function countOf<E>(
  stream: ShardedStream<E>,
  shard: number,
): Promise<number> {
  if (stream.count) {
    const count = await stream.count(shard);
    assertInteger(`stream's count(${shard})`, count, 0);
    return count;
  }
  let count = 0;
  for await (const _ of stream.open(shard)) count++;
  return count;
}

async function readCounts(path: string): Promise<Map<string, number>> {
  const text = await ifThere(files().readFile(path, "utf8"));
  if (text === undefined) return new Map();
  try {
    const { counts } = JSON.parse(text);
    const all = counts as [string, number][];
    if (
      all.every(([name, count]) =>
        typeof name === "string" && Number.isSafeInteger(count) && count >= 0
      )
    ) return new Map(all);
  } catch {
    // A file that is not JSON is an error like other wrong contents, thrown below.
  }
  throw new SyntaxError(
    `${path} should have the counts of shards, as streamedBatches() writes them; remove it, or name another`,
  );
}
