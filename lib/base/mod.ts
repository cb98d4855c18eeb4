/**
 * What every package of lion stands on: checks of arguments and options, the text of a
 * value in a message, and what differs among hosts. It is no entry point for users.
 *
 * @module
 */
export {
  assertSignal,
  itemsUnlessAborted,
  turns,
  unlessAborted,
} from "./abort.ts";
export { concatenated, damaged, utf8Text, viewOf } from "./byte_arrays.ts";
export type {
  Communicator,
  ContextGroup,
  Peers,
  RankNumbers,
  Reduction,
} from "./communicator.ts";
export { fingerprintOf } from "./fingerprint.ts";
export { IGNORE_INDEX } from "./ignore_index.ts";
export {
  importOptional,
  loadOptional,
  OPTIONAL_PACKAGES,
} from "./optional_package.ts";
export {
  assertOptions,
  type Complete,
  didYouMean,
  type OptionNames,
  optionsOf,
} from "./options.ts";
export { messageOf, shown } from "./shown.ts";
export { assertThreads, mostThreads, processors } from "./threads.ts";
export {
  assertAllocatable,
  assertBoolean,
  assertEpsilon,
  assertFinite,
  assertFloat,
  assertIndices,
  assertInteger,
  assertIterable,
  assertList,
  assertModel,
  assertNamed,
  assertNumber,
  assertOneOf,
  assertPath,
  assertPositiveInteger,
  assertShare,
  assertText,
} from "./values.ts";
export { VERSION } from "./version.ts";
export { warnOnce } from "./warn_once.ts";
