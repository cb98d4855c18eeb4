/** A form of attention in tfjs operations. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { blockwise } from "./blockwise.ts";
import { chunkwise } from "./chunkwise.ts";
import {
  type AttentionInputs,
  type AttentionSettings,
  type ConcreteForm,
  type Form,
  type PlannedForm,
  repeatHeads,
} from "./form.ts";
import { full } from "./full.ts";
import { normalized } from "./normalizer.ts";
import { recurrent } from "./recurrent.ts";

const FORMS: Readonly<Record<ConcreteForm, Form>> = {
  full,
  recurrent,
  blockwise,
  chunkwise,
};

/**
 * Runs a form in tfjs operations: scales the queries, hides padding, and divides
 * by the row sums, which are the output for a column of ones. It is the
 * reference for the kernels. Call it inside `tf.tidy`.
 *
 * @param planned The form, and tokens per chunk, or `null` for a form without chunks.
 * @returns `[batch, heads, length, valueDim]`
 */
export function runPlain(
  { form, chunkSize }: PlannedForm,
  { q, k, v, decays, tokens }: AttentionInputs,
  { scale, ...settings }: Omit<AttentionSettings, "causal">,
): tf.Tensor4D {
  const [, heads, length] = v.shape;
  const read = (name: string, x: tf.Tensor4D) =>
    repeatHeads(name, withoutPadding(floats(name, x), tokens), heads);
  const queries = read("q", q), keys = read("k", k), values = read("v", v);
  const attend = (values: tf.Tensor4D) =>
    FORMS[form](
      tf.mul(queries, scale),
      keys,
      values,
      decays,
      chunkSize ?? length,
    );
  return normalized(attend, values, tokens, settings);
}
