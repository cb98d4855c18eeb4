/** Models of packed sequences: each is what it is in a row of its own. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { type LayersModel, models } from "@tensorflow/tfjs-layers";
import {
  type AttentionVariant,
  generate,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  modelSummary,
  setForm,
} from "../../mod.ts";
import { packSequences } from "../../lib/data/mod.ts";
import { onEachBackend } from "../backends.ts";
import { uniform } from "../random.ts";
import { sample } from "../sample.ts";

const VARIANTS: readonly AttentionVariant[] = ["lit", "d", "s", "softmax"];
const SIZES = { dim: 8, depth: 2, numHeads: 2, seed: 1 };
const VOCABULARY = 11;
/** One is alone in its row, and one row is full. */
const SEQUENCES = [5, 3, 8, 1, 2].map((length, i) =>
  Array.from({ length }, (_, j) => (7 * i + 3 * j) % (VOCABULARY - 1) + 1)
);
const LENGTH = 8;
const MAX_SEGMENTS = 4;

/** A model of packed sequences, and the same of single ones. */
interface Pair {
  readonly packed: LayersModel;
  readonly single: LayersModel;
  /** Of one sequence, without `segments`. */
  readonly inputsOf: (ids: tf.Tensor2D, mask: tf.Tensor2D) => tf.Tensor[];
  /** Whether there is an output for each sequence, and not for each token. */
  readonly isPooled: boolean;
}

const PAIRS: Record<string, (variant: AttentionVariant) => Pair> = {
  "lionEncoder of tokens": (variant) => {
    const options = {
      ...SIZES,
      variant,
      vocabularySize: VOCABULARY,
      maxLength: LENGTH,
      numClasses: 3,
    };
    return {
      packed: lionEncoder({
        ...options,
        segments: true,
        maxSegments: MAX_SEGMENTS,
      }),
      single: lionEncoder(options),
      inputsOf: (ids, mask) => [ids, mask],
      isPooled: true,
    };
  },
  "lionEncoder of numbers": (variant) => {
    const options = {
      ...SIZES,
      variant,
      inputDim: 1,
      maxLength: LENGTH,
      numClasses: 3,
      output: "tokens",
    } as const;
    return {
      packed: lionEncoder({ ...options, segments: true }),
      single: lionEncoder(options),
      inputsOf: (ids, mask) => [tf.expandDims(tf.div(ids, 5), 2), mask],
      isPooled: false,
    };
  },
  "lionBert that classifies": (variant) => {
    const options = {
      ...SIZES,
      variant,
      vocabularySize: VOCABULARY,
      maxLength: LENGTH,
      tokenTypes: 2,
      head: "classification",
    } as const;
    return {
      packed: lionBert({
        ...options,
        segments: true,
        maxSegments: MAX_SEGMENTS,
      }),
      single: lionBert(options),
      inputsOf: (ids, mask) => [ids, mask, tf.cast(tf.mod(ids, 2), "int32")],
      isPooled: true,
    };
  },
  "lionGpt": (variant) => {
    const options = {
      ...SIZES,
      variant,
      vocabularySize: VOCABULARY,
      maxLength: LENGTH,
    };
    return {
      packed: lionGpt({ ...options, segments: true }),
      single: lionGpt(options),
      inputsOf: (ids) => [ids],
      isPooled: false,
    };
  },
};

/** The loss Σ output · random numbers, of one sequence after another. */
function lossOf(outputs: tf.Tensor[]): tf.Scalar {
  const random = uniform(9);
  return tf.addN(
    outputs.map((y) => {
      const factors = Float32Array.from(
        { length: y.size },
        () => random() - 0.5,
      );
      return tf.sum(tf.mul(y, tf.tensor(factors, y.shape)));
    }),
  ) as tf.Scalar;
}

/** The output for each sequence, packed. */
function outputsPacked({ packed, inputsOf, isPooled }: Pair): tf.Tensor[] {
  const { rows, ids, mask, segments } = packSequences(SEQUENCES, {
    length: LENGTH,
    maxSegments: MAX_SEGMENTS,
  });
  assertEquals(rows, [[0, 1], [2], [3, 4]]);
  const y = packed.apply([...inputsOf(ids, mask), segments]) as tf.Tensor;
  const outputs: tf.Tensor[] = [];
  rows.forEach((row, r) => {
    let start = 0;
    row.forEach((sequence, i) => {
      const { length } = SEQUENCES[sequence]!;
      const [at, size] = isPooled ? [i, 1] : [start, length];
      outputs[sequence] = tf.reshape(
        tf.slice(y, [r, at, 0], [1, size, -1]),
        [size, -1],
      );
      start += length;
    });
  });
  return outputs;
}

/** The output for each sequence, in a row of its own. */
function outputsAlone({ single, inputsOf }: Pair): tf.Tensor[] {
  return SEQUENCES.map((tokens) => {
    const ids = tf.tensor2d(tokens, [1, tokens.length], "int32");
    const inputs = inputsOf(ids, tf.ones([1, tokens.length]));
    const given = inputs.length > 1 ? inputs : inputs[0]!;
    const y = single.apply(given) as tf.Tensor;
    return tf.reshape(y, [-1, y.shape.at(-1)!]);
  });
}

/** The loss, all outputs, and the gradients of the weights. */
async function results(
  model: LayersModel,
  outputs: () => tf.Tensor[],
): Promise<Float32Array[]> {
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const { value, grads } = tf.variableGrads(() => lossOf(outputs()), variables);
  const all = tf.tidy(() => outputs().map((y) => tf.keep(tf.reshape(y, [-1]))));
  const tensors = [value, ...all, ...variables.map(({ name }) => grads[name]!)];
  const values = await Promise.all(tensors.map((x) => x.data()));
  tf.dispose(tensors);
  return values as Float32Array[];
}

function* cases() {
  for (const [name, make] of Object.entries(PAIRS)) {
    for (const variant of VARIANTS) yield { name, make, variant };
  }
}

onEachBackend(
  "models of packed sequences are those of each alone, with all gradients",
  async (backend) => {
    for (const { name, make, variant } of sample(backend, cases())) {
      const pair = make(variant);
      pair.packed.setWeights(pair.single.getWeights());
      const packed = await results(pair.packed, () => outputsPacked(pair));
      const alone = await results(pair.single, () => outputsAlone(pair));
      assertEquals(packed.length, alone.length);
      packed.forEach((values, i) => {
        const wanted = alone[i]!;
        const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        values.forEach((value, j) => {
          const error = Math.abs(value - wanted[j]!);
          assert(
            error <= 1e-5 + 2e-5 * largest,
            `${name} ${variant}: ${error} of ${largest} in result ${i}`,
          );
        });
      });
      pair.packed.dispose();
      pair.single.dispose();
    }
  },
  { sampled: true },
);

onEachBackend(
  "a model of packed sequences is saved, and changes its form",
  async () => {
    for (const name of ["lionEncoder of tokens", "lionEncoder of numbers"]) {
      const pair = PAIRS[name]!("s");
      const config = pair.packed.toJSON(
        null,
        false,
      ) as tf.io.ModelJSON["modelTopology"];
      const again = await models.modelFromJSON(config as never);
      again.setWeights(pair.packed.getWeights());
      const of = (packed: LayersModel) =>
        tf.tidy(() => tf.concat(outputsPacked({ ...pair, packed })));
      const before = of(pair.packed);
      const after = [of(again)];
      for (const form of ["full", "recurrent", "chunkwise"] as const) {
        setForm(again, form, 3);
        after.push(of(again));
      }
      const wanted = await before.data();
      for (const y of after) {
        (await y.data()).forEach((value, i) =>
          assert(Math.abs(value - wanted[i]!) < 1e-5)
        );
      }
      tf.dispose([before, ...after]);
      again.dispose();
      pair.packed.dispose();
      pair.single.dispose();
    }
  },
);

onEachBackend("what a row has too much of is NaN, and not wrong", async () => {
  const model = lionEncoder({
    ...SIZES,
    variant: "d",
    vocabularySize: VOCABULARY,
    maxLength: 3,
    numClasses: 2,
    segments: true,
    maxSegments: 2,
  });
  const y = tf.tidy(() =>
    model.apply([
      tf.ones([3, 5], "int32"),
      tf.tensor2d([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
      // Three sequences; two and padding; one that is longer than maxLength.
      tf.tensor2d(
        [[1, 1, 2, 3, 3], [1, 2, 2, 2, 0], [1, 2, 2, 2, 2]],
        [3, 5],
        "int32",
      ),
    ]) as tf.Tensor
  );
  const [many, fitting, long] = await y.array() as number[][][];
  assert(many!.flat().every(Number.isNaN));
  assert(fitting!.flat().every(Number.isFinite));
  assert(long![1]!.every(Number.isNaN));
  y.dispose();
  model.dispose();
});

onEachBackend(
  "a model of packed sequences generates, and is described",
  async () => {
    const { packed, single } = PAIRS["lionGpt"]!("s");
    packed.setWeights(single.getWeights());
    const options = { maxNewTokens: 4, temperature: 0 };
    assertEquals(
      await generate(packed, [1, 2, 3], options),
      await generate(single, [1, 2, 3], options),
    );
    const { forms } = modelSummary(packed, [[1, 64], [1, 64]]);
    assertEquals(forms, modelSummary(single, [1, 64]).forms);
    packed.dispose();
    single.dispose();
  },
);

Deno.test("models say what packing needs", () => {
  const encoder = {
    ...SIZES,
    variant: "s",
    inputDim: 1,
    numClasses: 2,
  } as const;
  const refused = (
    run: () => unknown,
    error: typeof TypeError | typeof RangeError,
    part: string,
  ) => assertThrows(() => void run(), error, part);
  refused(
    () => lionEncoder({ ...encoder, segments: true }),
    RangeError,
    "maxSegments should be the largest number of sequences in a row",
  );
  refused(
    () => lionEncoder({ ...encoder, maxSegments: 3 }),
    RangeError,
    "maxSegments is for models with segments: true",
  );
  refused(
    () => lionEncoder({ ...encoder, segments: "yes" as unknown as boolean }),
    TypeError,
    "segments should be true or false",
  );
  refused(
    () => lionViT({ ...SIZES, variant: "s", segments: true } as never),
    TypeError,
    "segments",
  );
});
