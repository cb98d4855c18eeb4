/** The form of a row in the tables of replaced kernels. @module */
import type * as tf from "@tensorflow/tfjs-core";

/** A type of numbers. */
export type NumberType = "float32" | "int32" | "bool";

/** All types of numbers. */
export const ALL: readonly NumberType[] = ["float32", "int32", "bool"];

/**
 * Kernels that are replaced in one way. Calls whose types are in none of the lists
 * reach the previous kernel: after a check, with other arguments, or in parts.
 */
export interface Replacement<Context = unknown> {
  /** The kernels' names. */
  readonly kernels: readonly string[];
  /** The types that a kernel of ours computes, at least in some shapes. @default none */
  readonly ours?: readonly NumberType[];
  /** The types that the cpu backend's kernel computes. @default none */
  readonly cpu?: readonly NumberType[];
  /** The types that are refused by name. @default none */
  readonly refused?: readonly NumberType[];
  /** The reason why the previous kernels are slow. */
  readonly slow?: string;
  /** The error that the previous kernels make. */
  readonly wrong?: string;
  /** The lack of TensorFlow.js's that these kernels fill. */
  readonly absent?: string;
  /** The number of TensorFlow.js's issue about it. */
  readonly issue?: number;
  /** Whether the kernels are replaced, by the backend's context. @default always */
  readonly when?: (context: Context) => boolean;
  /**
   * Makes a kernel, given the previous one: TensorFlow.js's, or that of an earlier
   * row.
   */
  readonly by: (
    stock: tf.KernelFunc,
    name: string,
    context: Context,
  ) => tf.KernelFunc;
}

/** The names in a text. */
export const words = (text: string): string[] => text.trim().split(/\s+/);

export const INTEGERS = "integers are computed as floats, wrongly beyond 2^24";

export const PLACES =
  "they take less than is asked for, or something else, where what is " +
  "asked for is not there";

export const REPEATED =
  "batches that are both repeated are multiplied with wrong ones, and some " +
  "not at all";
