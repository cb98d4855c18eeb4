/**
 * A tensor that a cell ends with is shown by its values, where Deno's kernel
 * would print the object's own properties: importing this module sees to it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { DISPLAY, type MimeBundle } from "./jupyter/mime.ts";
import { tensorText } from "./tensor_text.ts";

Object.defineProperty(tf.Tensor.prototype, DISPLAY, {
  async value(this: tf.Tensor): Promise<MimeBundle> {
    return { "text/plain": await tensorText(this) };
  },
  configurable: true,
  writable: true,
});
