/** Texts in the files of OpenWebText's forms, each a shard. @module */
import { files } from "@lionjs/base/files";
import { ChunkReader, decompressed, fileBytes } from "@lionjs/data/bytes";
import { parquet, tarMembers } from "@lionjs/data/records";
import { inShell, namesIn } from "./folder_files.ts";
import { contentOf } from "./original_files.ts";
import { utf8Text } from "@lionjs/base";

export interface TextShard {
  /** The path of the file or folder. */
  readonly name: string;
  /** Number of texts, which is found without reading them. */
  count(): Promise<number>;
  /**
   * Reads texts in their order.
   *
   * @param isWanted Whether the text at a place is read; it is asked once for each
   * place, in their order.
   */
  texts(isWanted: (place: number) => boolean): AsyncIterable<string>;
}

/** The column `text` of a Parquet file. */
export function parquetShard(name: string): TextShard {
  const open = async () =>
    await parquet<{ text: unknown }>(await fileBytes(name), {
      columns: ["text"],
      cacheGroups: 1,
    });
  return {
    name,
    count: async () => (await open()).size,
    async *texts(isWanted) {
      const rows = await open();
      for (let place = 0; place < rows.size; place++) {
        if (!isWanted(place)) continue;
        const { text } = await rows.get(place);
        if (typeof text === "string") yield text;
        else {
          throw new SyntaxError(
            `${name}, row ${place} should have a text, got ${
              text === null ? "nothing" : typeof text
            }`,
          );
        }
      }
    },
  };
}

/** The members of a tar whose names end in `.txt`, which may be compressed. */
export function tarShard(name: string): TextShard {
  const members = async function* () {
    const reader = new ChunkReader(decompressed(await fileBytes(name)));
    let hasText = false;
    try {
      for await (const member of tarMembers(name, reader)) {
        if (member.name.endsWith(".xz")) throw packedInside(name);
        if (!isText(member.name)) continue;
        hasText = true;
        yield member;
      }
    } finally {
      await reader.close();
    }
    if (!hasText) {
      throw new SyntaxError(
        `${name} should have texts, files that end in .txt, got none`,
      );
    }
  };
  return {
    name,
    async count() {
      let count = 0;
      for await (const _ of members()) count++;
      return count;
    },
    async *texts(isWanted) {
      let place = 0;
      for await (const member of members()) {
        if (!isWanted(place++)) continue;
        const bytes = await contentOf(name, member);
        yield utf8Text(`${name}:${member.name}`, bytes);
      }
    },
  };
}

/** The error for a tar of the hub's, whose members are tars that xz has compressed. */
function packedInside(tar: string): Error {
  const folder = tar.slice(0, tar.lastIndexOf("/"));
  const inner = `${folder}/openwebtext`;
  return new Error(
    `${tar} should be a tar of texts, got one of .xz files; unpack both, and open ${inner}:\n` +
      `  tar -xf ${inShell(tar)} -C ${inShell(folder)}\n  xz -d ${
        inShell(inner)
      }/*.xz`,
  );
}

/** The files of a folder whose names end in `.txt`. */
export function folderShard(name: string): TextShard {
  const textsIn = () => namesIn(name, isText);
  return {
    name,
    count: async () => (await textsIn()).length,
    async *texts(isWanted) {
      for (const [place, file] of (await textsIn()).entries()) {
        if (!isWanted(place)) continue;
        const path = `${name}/${file}`;
        yield utf8Text(path, await files().readFile(path));
      }
    },
  };
}

export function isText(name: string): boolean {
  return name.endsWith(".txt");
}
