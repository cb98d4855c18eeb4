/** The mean cross-entropy of rows of logits and their labels, and its gradient. @module */
import { IGNORE_INDEX } from "@lionjs/base";
import {
  type FusedKernel,
  LOG_OF_ONE_PLUS,
  makeFloats,
  PACKS,
  registerFusedKernel,
  runElementwise,
  runProgram,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import { CROSS_ENTROPY } from "./cross_entropy.ts";

export function register(): void {
  registerFusedKernel(CROSS_ENTROPY, {
    forward: crossEntropy,
    gradient: crossEntropyGradient,
  });
}

/** Threads of a row, and of the sum over all rows. */
const THREADS = 64;

interface CrossEntropyAttributes {
  /** The share of a label's probability that is spread over all classes. */
  readonly smoothing: number;
}

/** WGSL: the label of rows that do not count, and a test of labels for being a class. */
const LABELS = /* wgsl */ `
const IGNORE_INDEX = ${IGNORE_INDEX}.0;
fn is_class(label: f32) -> bool {
  return label >= 0.0 && label < f32(uniforms.classes);
}
`;

/** WGSL: the parts of a workgroup's threads, and their sum. */
const PARTS = /* wgsl */ `
var<workgroup> parts: array<vec2f, THREADS>;
fn sum_of_parts() -> vec2f {
  var sum = parts[0];
  for (var i = 1u; i < THREADS; i++) { sum += parts[i]; }
  return sum;
}
`;

/**
 * The kernel of the mean of -log p of each row's label. A launch has the rows, and
 * another adds them up. Behind the rows' sums it keeps the share of a row in the mean.
 */
const crossEntropy: FusedKernel<
  "logits" | "labels",
  CrossEntropyAttributes
> = ({ backend, inputs: { logits, labels }, attributes }) => {
  const [rows, classes] = logits.shape as [number, number];
  const loss = makeFloats(backend, []);
  const maxima = makeFloats(backend, [rows]);
  const sums = makeFloats(backend, [rows + 1]);
  const losses = makeFloats(backend, [rows]);
  runProgram(backend, {
    name: "cross_entropy",
    width: 1,
    reads: { logits, labels },
    writes: { maxima, sums, losses },
    integers: { classes },
    floats: { ...attributes, notANumber: NaN },
    threads: THREADS,
    workgroups: rows,
    functions: LOG_OF_ONE_PLUS + LABELS + PARTS,
    body: LOSSES,
  });
  runProgram(backend, {
    name: "mean_of_losses",
    width: 1,
    reads: { losses, labels },
    writes: { loss, sums },
    integers: { rows, classes },
    threads: THREADS,
    workgroups: 1,
    functions: LABELS + PARTS,
    body: MEAN,
  });
  backend.disposeData(losses.dataId);
  return [loss, maxima, sums];
};

const LOSSES = /* wgsl */ `
  let first = workgroup * uniforms.classes;
  var largest = logits[first];
  for (var i = local; i < uniforms.classes; i += THREADS) {
    largest = max(largest, logits[first + i]);
  }
  parts[local].x = largest;
  workgroupBarrier();
  for (var i = 0u; i < THREADS; i++) { largest = max(largest, parts[i].x); }
  workgroupBarrier();
  var part = vec2f();
  for (var i = local; i < uniforms.classes; i += THREADS) {
    let logit = logits[first + i];
    part += vec2f(exp(logit - largest), logit);
  }
  parts[local] = part;
  workgroupBarrier();
  if (local > 0u) { return; }
  let sum = sum_of_parts();
  maxima[workgroup] = largest;
  sums[workgroup] = sum.x;
  let label = labels[workgroup];
  var loss = uniforms.notANumber;
  if (label == IGNORE_INDEX) {
    loss = 0.0;
  } else if (is_class(label)) {
    var expected = logits[first + u32(label)];
    if (uniforms.smoothing > 0.0) {
      expected += uniforms.smoothing * (sum.y / f32(uniforms.classes) - expected);
    }
    let rest = sum.x - 1.0;
    loss = largest - expected;
    if (rest <= 1.0) { loss += log_of_one_plus(rest); } else { loss += log(sum.x); }
  }
  losses[workgroup] = loss;`;

const MEAN = /* wgsl */ `
  var part = vec2f();
  for (var row = local; row < uniforms.rows; row += THREADS) {
    part += vec2f(losses[row], f32(labels[row] != IGNORE_INDEX));
  }
  parts[local] = part;
  workgroupBarrier();
  if (local > 0u) { return; }
  let sum = sum_of_parts();
  let share = 1.0 / max(sum.y, 1.0);
  loss[0] = sum.x * share;
  sums[uniforms.rows] = share;`;

/**
 * The gradient kernel of {@linkcode crossEntropy}: dlogits = dloss · share (p - (1 -
 * smoothing) [label] - smoothing / classes).
 */
const crossEntropyGradient: FusedKernel<
  "logits" | "labels" | "maxima" | "sums" | "dloss",
  CrossEntropyAttributes
> = (
  { backend, inputs: { logits, labels, maxima, sums, dloss }, attributes },
) => {
  const [rows, classes] = logits.shape as [number, number];
  const dlogits = makeFloats(backend, logits.shape);
  const width = widthOf(classes);
  runElementwise(backend, {
    name: "cross_entropy_gradient",
    width,
    reads: { logits, labels, maxima, sums, dloss },
    writes: { dlogits },
    elements: { labels: "f32", maxima: "f32", sums: "f32", dloss: "f32" },
    integers: { rows, classes },
    floats: { ...attributes },
    functions: PACKS[width] + LABELS,
    body: GRADIENT,
  });
  return [dlogits];
};

const GRADIENT = /* wgsl */ `
  let packs = uniforms.classes / WIDTH;
  let row = at / packs;
  let label = labels[row];
  if (label == IGNORE_INDEX) {
    dlogits[at] = Pack();
    return;
  }
  let weight = dloss[0] * sums[uniforms.rows];
  let powers = exp(logits[at] - maxima[row]);
  var gradient = powers * (weight / sums[row]) - weight * uniforms.smoothing / f32(uniforms.classes);
  let place = u32(max(label, 0.0)) - at % packs * WIDTH;
  if (is_class(label) && place < WIDTH) {
    set_number(&gradient, place, number_of(gradient, place) - weight * (1.0 - uniforms.smoothing));
  }
  dlogits[at] = gradient;`;
