/** Reading a row group so that damaged pages are found before they do harm. @module */
import type {
  ColumnChunk as FooterColumn,
  Compressors,
  RowGroup,
  SchemaTree,
} from "hyparquet";
import {
  checkPages,
  type ColumnChunk,
  type CompressedPage,
} from "./check_pages.ts";

/** A column with the place of its bytes in the file. */
interface Placed {
  readonly start: number;
  readonly end: number;
  readonly column: ColumnChunk;
}

/** Checks the pages of a row group as they are read, and as they are decompressed. */
export class CheckedReading {
  readonly #columns: Placed[];
  readonly #pages = new Map<string, CompressedPage[]>();

  constructor(
    group: RowGroup,
    tree: SchemaTree,
    columns: readonly string[] | undefined,
  ) {
    this.#columns = group.columns.flatMap((column) => {
      const [name] = column.meta_data!.path_in_schema;
      return columns?.includes(name!) ?? true ? [placed(column, tree)] : [];
    });
  }

  /** Checks the columns that lie in a part of the file. */
  read(start: number, part: ArrayBuffer): void {
    for (const placed of this.#columns) {
      if (placed.start < start || placed.end > start + part.byteLength) {
        continue;
      }
      const [from, length] = [placed.start - start, placed.end - placed.start];
      const bytes = new Uint8Array(part, from, length);
      for (const page of checkPages(bytes, placed.column)) {
        const key = keyOf(page.compressed, page.uncompressed);
        const pages = this.#pages.get(key);
        if (pages) pages.push(page);
        else this.#pages.set(key, [page]);
      }
    }
  }

  /** Wraps decompressors with checks of the decompressed pages. */
  checking(compressors: Compressors): Compressors {
    return Object.fromEntries(
      Object.entries(compressors).map(([codec, decompress]) => [
        codec,
        (input: Uint8Array, length: number) => {
          const page = decompress(input, length);
          this.#check(input.length, length, page);
          return page;
        },
      ]),
    );
  }

  /** Checks a page, which is one of those with its lengths. */
  #check(compressed: number, uncompressed: number, bytes: Uint8Array): void {
    let failed: { error: unknown } | undefined;
    for (const page of this.#pages.get(keyOf(compressed, uncompressed)) ?? []) {
      try {
        page.check(bytes);
        return;
      } catch (error) {
        failed = { error };
      }
    }
    if (failed) throw failed.error;
  }
}

function keyOf(compressed: number, uncompressed: number): string {
  return `${compressed} ${uncompressed}`;
}

function placed({ meta_data }: FooterColumn, tree: SchemaTree): Placed {
  const { path_in_schema: path, ...meta } = meta_data!;
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  let [definition, repetition] = [0, 0];
  let node = tree;
  for (const name of path) {
    node = node.children.find(({ element }) => element.name === name)!;
    const kind = node.element.repetition_type;
    if (kind !== "REQUIRED") definition++;
    if (kind === "REPEATED") repetition++;
  }
  return {
    start,
    end: start + Number(meta.total_compressed_size),
    column: {
      isCompressed: meta.codec !== "UNCOMPRESSED",
      isBoolean: meta.type === "BOOLEAN",
      isFlat: path.length === 1 && repetition === 0,
      values: Number(meta.num_values),
      definition,
      repetition,
    },
  };
}
