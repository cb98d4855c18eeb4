/** Packed sequences: which tokens of a row belong together. @module */
export {
  assertSegments,
  endsOf,
  numberSegments,
  positionsIn,
} from "../../operations/segments.ts";
