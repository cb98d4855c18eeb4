/**
 * Files, for the packages of lion: they appear only when they are complete, and one
 * process at a time writes them.
 *
 * @module
 */
export { writeAtomically } from "./atomic_write.ts";
export {
  FileInUse,
  type FileLock,
  lockFile,
  whileLocked,
} from "./file_lock.ts";
export {
  files,
  ifThere,
  isMissing,
  isNowhere,
  openPlain,
  pathOf,
  sha256Of,
  sha256OfFile,
} from "./file_system.ts";
export { nodeModule } from "./node_module.ts";
export { linkOrCopy, openPart } from "./part_file.ts";
export {
  bytesSource,
  fileSize,
  fileSource,
  readFully,
  type Source,
  withFile,
} from "./source.ts";
