/**
 * Records in files, for packages that read formats of their own.
 *
 * @module
 */
export {
  type BadRecord,
  BadRecordCount,
  type BadRecords,
  type SkipBad,
} from "./bad_records.ts";
export { allByteLines, type ByteLine, byteLines } from "./byte_lines.ts";
export { csvRows, parsedRows } from "./csv.ts";
export { CsvParser } from "./csv_parser.ts";
export { LineIndex } from "./line_index.ts";
export { LineParser } from "./line_parser.ts";
export { parquet } from "./parquet.ts";
export { type LineStream, parsedLines } from "./parsed_lines.ts";
export { assertShard, type ShardedStream } from "./sharded_stream.ts";
export { TAR_BLOCK } from "./tar/header.ts";
export { type MemberPlace, placeOfMember, readMember } from "./tar/index.ts";
export { RangeReader, type TarMember, tarMembers } from "./tar/members.ts";
