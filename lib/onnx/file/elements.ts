/** Types of elements in ONNX files, by their numbers in onnx.proto. @module */
import type { ElementType } from "../graph.ts";

/** The types that this library writes or reads. */
export const ELEMENT = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const satisfies Record<ElementType, number> & Record<string, number>;

/** A type of elements in a file. */
export type StoredType = keyof typeof ELEMENT;

/** Bytes of an element. */
export const BYTES: Readonly<Record<StoredType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  bfloat16: 2,
};
