/** The family's mixers equal their papers in float64, outputs and all gradients. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type AttentionOptions,
  type AttentionVariant,
  lionAttentionLayer,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { differentiate } from "../float64.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";
import {
  FAMILY_MIXERS,
  type LayerReading,
  type LayerSizes,
  mixed,
} from "./family_reference.ts";

const EPSILON = 1e-3;

/**
 * Largest error, relative to the largest value: a handful of products and
 * normalisations one after another, each rounding to 24 bits.
 */
const TOLERANCE = { forward: 1e-5, gradient: 5e-5 };

interface Case extends LayerSizes {
  readonly variant: AttentionVariant;
  readonly form: AttentionForm;
  readonly reading: LayerReading;
  /** Options of the variant's own. */
  readonly options?: AttentionOptions;
}

/** Options of some variants, beside their defaults, and what they make of sizes. */
const OPTIONS: Readonly<
  Partial<
    Record<
      AttentionVariant,
      { readonly options: AttentionOptions } & Partial<LayerSizes>
    >
  >
> = {
  "gated-delta-2": {
    options: { convSize: 0, negativeEigenvalues: true },
    erase: 2,
  },
  "delta-product": { options: { steps: 1, convSize: 2 }, steps: 1 },
  "gated-delta-product": { options: { steps: 3 }, steps: 3 },
  comba: { options: { convSize: 1 } },
  // It reads what the first layer has passed on.
  rwkv7: {
    options: { layer: [1, 2], ranks: [2, 3, 4, 5], negativeEigenvalues: true },
    erase: 2,
  },
  mamba3: { options: { decayRates: "softplus" }, decayRates: "softplus" },
  fox: { options: { queryKeyNorm: true, outputGate: true } },
  path: { options: { queryKeyNorm: true } },
  delta: { options: { negativeEigenvalues: true }, erase: 2 },
  "gated-delta": { options: { negativeEigenvalues: true }, erase: 2 },
  kda: { options: { negativeEigenvalues: true }, erase: 2 },
};

const READINGS: readonly LayerReading[] = [
  { causal: false },
  { causal: true },
  {
    causal: false,
    mask: Float32Array.of(1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0),
  },
  {
    causal: false,
    segments: Int32Array.of(1, 1, 2, 2, 2, 2, 5, 6, 6, 6, 7, 7),
  },
];

/** The variants with the forms of the delta rule. */
const DELTA_RULES: readonly AttentionVariant[] = [
  ...["delta", "gated-delta", "kda", "rwkv7", "gated-delta-2"] as const,
  ...["delta-product", "gated-delta-product", "comba"] as const,
];

/** Two rows of six tokens in each way of reading; one token; one head. */
function casesOf(variant: AttentionVariant): Case[] {
  const forms = DELTA_RULES.includes(variant)
    ? ["recurrent", "chunkwise"] as const
    : ["full", "recurrent", "chunkwise"] as const;
  const sizes = { batch: 2, length: 6, dim: 6, heads: 2 };
  return [
    ...READINGS.map((reading, i): Case => ({
      ...{ variant, reading, ...sizes },
      form: forms[i % forms.length]!,
    })),
    ...forms.map((form, i): Case => ({
      ...{ variant, form, batch: 1, dim: 4 },
      ...(i % 2 ? { length: 5, heads: 1 } : { length: 1, heads: 2 }),
      reading: { causal: false },
    })),
    ...(OPTIONS[variant]
      ? [false, true].map((causal): Case => ({
        ...{ variant, form: "recurrent", ...sizes, reading: { causal } },
        ...OPTIONS[variant]!,
      }))
      : []),
  ];
}

/** Throws unless the numbers that are seen are near, relative to the largest of `to`. */
function assertNear(
  actual: ArrayLike<number>,
  expected: Float64Array,
  tolerance: number,
  name: string,
  isSeen: (index: number) => boolean = () => true,
  to: readonly number[] = [...expected],
): void {
  assertEquals(actual.length, expected.length, name);
  const seen = [...expected.keys()].filter(isSeen);
  const largest = Math.max(...to.map(Math.abs), 1e-3);
  const error = Math.max(
    ...seen.map((i) => Math.abs(expected[i]! - actual[i]!)),
  );
  assertLess(error, tolerance * largest, name);
}

for (const variant of Object.keys(FAMILY_MIXERS) as AttentionVariant[]) {
  onEachBackend(
    `a layer of ${variant} is what its paper says`,
    async (backend) => {
      for (const one of sample(backend, casesOf(variant))) await compare(one);
    },
    { sampled: true },
  );
}

async function compare(one: Case): Promise<void> {
  const { variant, form, reading, options = {}, ...sizes } = one;
  const { batch, length, dim, heads } = sizes;
  const { causal, mask, segments } = reading;
  const label = `${variant} ${form} ${JSON.stringify(sizes)} ${
    causal ? "causal" : mask ? "mask" : segments ? "segments" : ""
  }`;
  const random = uniform(dim + length);
  const layer = lionAttentionLayer({
    ...{
      variant,
      form,
      direction: causal ? "forward" as const : "both" as const,
      numHeads: heads,
      epsilon: EPSILON,
      chunkSize: 2,
    },
    ...options,
    ...(segments ? { segments: true } : {}),
  });
  const isSeen = (i: number) => mask?.[Math.floor(i / dim)] !== 0;
  const values: Record<string, Float32Array> = {
    // A layer reads padding as zeros, of which decays are made there.
    x: array(batch * length * dim, random).map((u, i) => isSeen(i) ? u : 0),
  };
  const isLater = options.layer !== undefined;
  if (isLater) values["first"] = array(batch * length * dim, random);
  const x = tf.tensor3d(values["x"]!, [batch, length, dim]);
  const first = isLater
    ? [tf.tensor3d(values["first"]!, [batch, length, dim])]
    : [];
  const others = [
    ...(mask ? [tf.tensor2d(mask, [batch, length])] : []),
    ...(segments ? [tf.tensor2d(segments, [batch, length], "int32")] : []),
    ...first,
  ];
  const run = (x: tf.Tensor) =>
    layer.apply(others.length ? [x, ...others] : x) as tf.Tensor;
  run(x).dispose();
  for (const { name, shape } of layer.parameters) {
    const own = array(tf.util.sizeFromShape([...shape]), random);
    values[name] = own.map((u) => /norm\.weight$/.test(name) ? 1 + u / 2 : u);
    const variable = layer.parameter(name) as tf.Variable;
    tf.tidy(() => variable.assign(tf.tensor(values[name]!, [...shape])));
  }
  // The output of padding may be anything.
  const dy = array(values["x"]!.length, random).map((y, i) =>
    isSeen(i) ? y : 0
  );
  const expected = differentiate(
    values,
    dy,
    (given) => mixed(variant, given, sizes, reading, EPSILON),
  );

  const y = run(x);
  assertNear(
    await y.data(),
    expected.y.values,
    TOLERANCE.forward,
    label,
    isSeen,
  );
  const variables = layer.parameters.map(({ name }) =>
    layer.parameter(name) as tf.Variable
  );
  const weight = tf.tensor3d(dy, [batch, length, dim]);
  const loss = (x: tf.Tensor) => tf.sum(tf.mul(run(x), weight)) as tf.Scalar;
  const { value, grads } = tf.variableGrads(() => loss(x), variables);
  const ofInput = tf.grad(loss)(x);
  const ofFirst = first.map((first) =>
    tf.grad((first) =>
      tf.sum(tf.mul(layer.apply([x, first]) as tf.Tensor, weight))
    )(first)
  );
  const gradients: [string, tf.Tensor][] = [
    ["x", ofInput],
    ...ofFirst.map((gradient): [string, tf.Tensor] => ["first", gradient]),
    ...layer.parameters.map(({ name }, i): [string, tf.Tensor] => [
      name,
      grads[variables[i]!.name]!,
    ]),
  ];
  for (const [name, gradient] of gradients) {
    const wanted = expected.gradients[name]!.values;
    // A bias is as its matrix: what mLSTM's input gates share cancels.
    const matrix = expected.gradients[name.replace(/bias$/, "weight")];
    assertNear(
      await gradient.data(),
      wanted,
      TOLERANCE.gradient,
      `${label}: gradient in ${name}`,
      name === "x" ? isSeen : undefined,
      [...wanted, ...matrix?.values ?? []],
    );
    // One token has no past that it could forget.
    if (length > 1) assert(wanted.some((value) => value !== 0), name);
  }
  layer.dispose();
  tf.dispose([
    x,
    y,
    weight,
    value,
    ofInput,
    ...others,
    ...ofFirst,
    ...Object.values(grads),
  ]);
}
