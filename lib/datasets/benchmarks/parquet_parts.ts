import { namesIn } from "./folder_files.ts";

/**
 * The Parquet files of a part of a data set, as Hugging Face's hub names them:
 * `train-00000-of-00002.parquet` and `train-00001-of-00002.parquet`.
 *
 * @returns Their paths in their order; none if there are none, or no such folder.
 * @throws {Error} If some are missing, or there are those of two versions.
 */
export async function parquetParts(
  folder: string,
  part: string,
): Promise<string[]> {
  const names = await namesIn(folder);
  const counts = new Set<string>();
  for (const name of names) {
    const [, of, count] = /^(.+)-\d{5}-of-(\d{5})\.parquet$/.exec(name) ?? [];
    if (of === part) counts.add(count!);
  }
  const [count, another] = counts;
  if (count === undefined) return [];
  if (another !== undefined) {
    throw new Error(
      `${folder} should have the Parquet files of ${part} once, got those of ${count} and of ${another}; remove the old ones`,
    );
  }
  const there = new Set(names);
  return Array.from({ length: Number(count) }, (_, i) => {
    const name = `${part}-${`${i}`.padStart(5, "0")}-of-${count}.parquet`;
    if (there.has(name)) return `${folder}/${name}`;
    throw new Error(
      `${folder} should have all ${
        Number(count)
      } Parquet files of ${part}, got none with the name ${name}; download it`,
    );
  });
}
