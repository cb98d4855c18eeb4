/**
 * Bytes of files, in order and anywhere, for packages that read formats of their own.
 *
 * @module
 */
export { ChunkReader } from "./chunk_reader.ts";
export { chunksOf } from "./chunks.ts";
export { decompressed } from "./decompressed.ts";
export { fileBytes } from "./file_bytes.ts";
export type { RandomAccess } from "./random_access.ts";
