/** What each rule does to a weight: the text of both backends' kernels. @module */
import type { Rule } from "./rules.ts";

/**
 * WGSL that changes a pack of a weight's `value` and of the rule's states, given the
 * `gradient` and the numbers of the step. WebGPU runs it as it is; `tools/kernels` makes
 * vectors of AssemblyScript of it.
 *
 * Roundings are those of TensorFlow.js's operations (its `optimizers/*_optimizer.ts`),
 * but for a product within a sum, which WebAssembly may round together with the sum. A
 * product that has a name of its own it rounds by itself.
 */
export const FORMULAS: Readonly<Record<Rule, string>> = {
  adam: /* wgsl */ `
    let average = mean * decay1 + gradient * rest1;
    let energy = square * decay2 + gradient * gradient * rest2;
    let root = sqrt(energy) * correction + epsilon;
    value = average / root * step + value * keep;
    mean = average;
    square = energy;`,
  adamax: /* wgsl */ `
    let average = mean * decay1 + gradient * rest1;
    let most = max(largest * decay2, abs(gradient));
    value = average / (most + epsilon) * step + value;
    mean = average;
    largest = most;`,
  sgd: /* wgsl */ `
    value = gradient * step + value;`,
  momentum: /* wgsl */ `
    let total = sum * decay1 + gradient;
    value = total * step + value;
    sum = total;`,
  nesterov: /* wgsl */ `
    let total = sum * decay1 + gradient;
    value = (total * decay1 + gradient) * step + value;
    sum = total;`,
  rmsProp: /* wgsl */ `
    let energy = square * decay2 + gradient * gradient * rest2;
    let next = moment * decay1 + gradient * step / sqrt(energy + epsilon);
    value = value - next;
    square = energy;
    moment = next;`,
  // The variance is the difference of almost equal numbers: in another rounding it would
  // be below 0, and its root NaN, at another step than TensorFlow.js's.
  centeredRmsProp: /* wgsl */ `
    let kept_mean = mean * decay2;
    let added_mean = gradient * rest2;
    let average = kept_mean + added_mean;
    let kept_square = square * decay2;
    let added_square = gradient * gradient * rest2;
    let energy = kept_square + added_square;
    let squared_average = average * average;
    let variance = energy - (squared_average + epsilon);
    let next = moment * decay1 + gradient * step / sqrt(variance);
    value = value - next;
    square = energy;
    moment = next;
    mean = average;`,
  adagrad: /* wgsl */ `
    let energy = gradient * gradient + square;
    value = gradient / sqrt(energy + epsilon) * step + value;
    square = energy;`,
  adadelta: /* wgsl */ `
    let shift = sqrt(change + epsilon) / sqrt(square + epsilon) * gradient;
    value = shift * step + value;
    square = square * decay1 + gradient * gradient * rest1;
    change = change * decay1 + shift * shift * rest1;`,
  average: /* wgsl */ `
    let kept_value = value * decay1;
    let added_value = gradient * rest1;
    value = kept_value + added_value;`,
};
