/** The figures of the PyTorch reference, on each backend and in every form. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  deltaAttention,
  diagonalDecay,
  eluPlusOne,
  lionAttention,
  type LionAttentionOptions,
  selectiveDecay,
  shiftedSilu,
} from "../../mod.ts";
import { rwkv6 } from "../../lib/family/mod.ts";
import { withoutPadding } from "../../lib/operations/padding/padding.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { largest } from "../comparison.ts";
import { type Fixture, readFixtures, tensorOf } from "../fixtures.ts";
import { sample, sampleForms } from "../sample.ts";
import { DELTA } from "../subjects/delta.ts";
import { FORMS } from "../subjects/lion.ts";
import type { Tensors, Way } from "../subjects/subject.ts";

async function relativeError(
  actual: tf.Tensor,
  expected: Fixture,
  size = largest(expected.values),
): Promise<number> {
  assertEquals(actual.shape, expected.shape);
  const values = await actual.data();
  const differences = expected.values.map((x, i) => x - values[i]!);
  return size === 0 ? largest(differences) : largest(differences) / size;
}

/** Figures of an operation. */
interface Figures {
  readonly of: string;
  readonly file: string;
  /** How many outputs it has, named as in `decay.direction.scaling.y`. */
  readonly count: number;
  readonly ways: readonly Way[];
  readonly isPlain?: (way: Way) => boolean;
  /** The gradients by the names of their inputs, which differ from output to output. */
  inputsOf(parts: readonly string[]): Readonly<Record<string, string>>;
  run(inputs: Tensors, parts: readonly string[], way: Way): tf.Tensor;
  /** Whether vectors' errors are relative to the largest of all their gradients. */
  readonly isOfVectors?: true;
  /** Whether no gradient may be missing but that of a decay that no causal token reads. */
  readonly isWhole?: true;
  /** @default that of all operations */
  readonly tolerance?: typeof TOLERANCE["wasm"];
}

const LION_WAYS = FORMS.map((form) => ({ form, chunkSize: 8 }));

/** Attention with decays of each side. */
const lion = {
  ways: LION_WAYS,
  isOfVectors: true,
  inputsOf([decay, , scaling]: readonly string[]) {
    const suffix = scaling === "scaled" ? "_pos" : "";
    return {
      ...{ dq: `q${suffix}`, dk: `k${suffix}`, dv: "v" },
      ...{ df: `${decay}.f`, db: `${decay}.b` },
    };
  },
  run: (
    { dq, dk, dv, df, db }: Tensors,
    [, direction, scaling]: readonly string[],
    way: Way,
  ) =>
    lionAttention(dq, dk, dv, {
      ...way as object,
      decay: bidirectionalDecay(df, db),
      normalize: scaling === "scaled",
      causal: direction === "causal",
    }),
} as const;

const GATES: Readonly<Record<string, Record<string, string>>> = {
  delta: {},
  gated: { dgf: "gf", dgb: "gf" },
  gated_two: { dgf: "gf", dgb: "gb" },
};

const FIGURES: readonly Figures[] = [
  { ...lion, of: "lionAttention()", file: "ref_scalar", count: 22 },
  {
    ...lion,
    of: "lionAttention() with decays of each channel",
    file: "ref_diag",
    count: 14,
    isWhole: true,
    isPlain: ({ form }) => form !== "chunkwise",
  },
  {
    of: "deltaAttention()",
    file: "ref_delta",
    count: 5,
    isWhole: true,
    ways: DELTA.ways,
    isPlain: ({ form }) => form !== "chunkwise",
    inputsOf: ([rule]) => ({
      ...{ dq: "q", dk: "k", dv: "v", dbeta: "beta" },
      ...GATES[rule!],
    }),
    run: ({ dq, dk, dv, dbeta, dgf, dgb }, [, direction], way) =>
      deltaAttention(dq, dk, dv, dbeta, {
        ...way as object,
        scale: 1,
        causal: direction === "causal",
        ...dgf && { decay: bidirectionalDecay(dgf, dgb) },
      }),
  },
  {
    of: "rwkv6()",
    file: "ref_rwkv6",
    count: 2,
    isWhole: true,
    ways: LION_WAYS.filter(({ form }) => form !== "blockwise"),
    inputsOf: () => ({ dq: "q", dk: "k", dv: "v", dw: "w", du: "u" }),
    run: ({ dq, dk, dv, dw, du }, [direction], way) =>
      rwkv6(
        {
          ...{ r: dq, k: dk, v: dv, logDecay: dw },
          bonus: tf.reshape(du, [2, 8]),
        },
        { ...way as object, causal: direction === "causal" },
      ),
    tolerance: { forward: 2e-6, gradient: 5e-6 },
  },
];

for (const figures of FIGURES) {
  const { of, file, count, ways, inputsOf, run, isPlain } = figures;
  onEachBackend(
    `${of} reproduces the figures of the PyTorch reference`,
    async (backend) => {
      const all = await readFixtures(file);
      const { forward, gradient } = figures.tolerance ?? TOLERANCE[backend];
      const outputs = [...all.keys()].filter((name) => name.endsWith(".y"));
      assertEquals(outputs.length, count);
      const runs = ways.flatMap((way) =>
        outputs.map((output) => [output, way] as const)
      );
      // Of few figures none is left out.
      const isEdge = () => count < 5;
      const chosen = isPlain || backend === "cpu"
        ? sampleForms(backend, runs, ([, way]) => isPlain?.(way) ?? false)
        : sample(backend, runs, isEdge);
      for (const [output, way] of chosen) {
        const parts = output.split(".");
        const figure = (name: string) => all.get(output.replace(/y$/, name));
        const inputs = inputsOf(parts), names = Object.keys(inputs);
        const tensors = names.map((name) => tensorOf(all.get(inputs[name]!)!));
        const dy = tensorOf<tf.Rank.R4>(all.get("dO")!);
        const { value, grads } = tf.valueAndGrads((...x: tf.Tensor[]) =>
          run(Object.fromEntries(names.map((n, i) => [n, x[i]])), parts, way)
        )(tensors, dy);
        const vectors = ["dq", "dk", "dv"];
        const ofVectors = figures.isOfVectors &&
          largest(...vectors.map((name) => figure(name)!.values));
        const label = `${output} ${JSON.stringify(way)}`;
        const ofY = await relativeError(value, figure("y")!);
        assertLess(ofY, forward, label);
        for (const [i, name] of names.entries()) {
          const expected = figure(name);
          const size = vectors.includes(name) ? ofVectors : undefined;
          if (expected) {
            const error = await relativeError(grads[i]!, expected, size);
            assertLess(error, gradient, `${label}: ${name}`);
          } else if (figures.isWhole) {
            // A causal token reads no decay of the other direction.
            assert(/^d(b|gb)$/.test(name) && parts.includes("causal"), label);
            assertEquals(largest(await grads[i]!.data()), 0, label);
          }
        }
        tf.dispose([...tensors, dy, value, ...grads]);
      }
    },
    { sampled: true },
  );
}
for (
  const [title, fixtures, decayOf] of [
    ["selectiveDecay()", "ref_scalar", selectiveDecay],
    ["diagonalDecay()", "ref_diag", diagonalDecay],
  ] as const
) {
  onEachBackend(
    `${title} has the reference's conventions`,
    async (backend) => {
      const all = await readFixtures(fixtures);
      const [q, k, v] = ["q", "k", "v"].map((n) =>
        tensorOf<tf.Rank.R4>(all.get(n)!)
      );
      for (
        const [gates, convention, name] of [
          ["g", "source", "lion"],
          ["g", "arrival", "ssm"],
          ["g_mix", "source", "mix"],
        ] as const
      ) {
        const logDecay = tensorOf(all.get(gates)!);
        const decay = decayOf(logDecay as tf.Tensor3D & tf.Tensor4D, {
          convention,
        });
        const y = lionAttention(q!, k!, v!, { decay, normalize: false });
        const error = await relativeError(y, all.get(`${name}.bidir.raw.y`)!);
        assertLess(error, TOLERANCE[backend].forward, name);
        tf.dispose([logDecay, y]);
      }
      tf.dispose([q!, k!, v!]);
    },
  );
}

onEachBackend(
  "lionAttention() handles one token, padding and packed sequences",
  async (backend) => {
    const all = await readFixtures("ref_edge");
    const tensor = <R extends tf.Rank>(name: string) =>
      tensorOf<R>(all.get(name)!);
    const { forward } = TOLERANCE[backend];
    const attend = (of: string, options: LionAttentionOptions) =>
      lionAttention(tensor(`${of}.q`), tensor(`${of}.k`), tensor(`${of}.v`), {
        ...{ normalize: false, ...options },
      });
    const lengths = [...new Int32Array(all.get("packed.lens")!.values.buffer)];
    const numbers = lengths.flatMap((n, i) => Array<number>(n).fill(i));

    for (const form of FORMS) {
      const results = tf.tidy(() => {
        const raw = {
          ...{ scale: 1, chunkSize: 8, form },
          decay: selectiveDecay(tensor("pad.g")),
        };
        const mask = tensor<tf.Rank.R2>("pad.keep");
        const segments = tf.tensor2d([numbers], undefined, "int32");
        return {
          one: attend("L1", { form }),
          padded: attend("pad", { ...raw, mask }),
          // Several sequences in one: nothing passes where one ends.
          packed: attend("pad", { ...raw, segments }),
          // The reference attends from padding too, where there is no output here.
          seen: withoutPadding(tensor("pad.y_raw_scale1"), mask),
        };
      });
      const values = await results.seen.data<"float32">();
      const wanted = {
        one: all.get("L1.y_raw")!,
        padded: { ...all.get("pad.y_raw_scale1")!, values },
        packed: all.get("packed.y_raw_scale1")!,
      };
      for (const name of ["one", "padded", "packed"] as const) {
        const error = await relativeError(results[name], wanted[name]);
        assertLess(error, forward, `${form}, ${name}`);
      }
      tf.dispose(results);
    }
  },
);

onEachBackend(
  "feature maps and their gradients equal the reference",
  async (backend) => {
    const all = await readFixtures("ref_features");
    const maps = {
      elu1: eluPlusOne,
      silu_shift: (x: tf.Tensor4D) => shiftedSilu(x, { normalize: false }),
      silu_shift_norm: shiftedSilu,
    };
    for (const [name, map] of Object.entries(maps)) {
      const x = tensorOf<tf.Rank.R4>(all.get("x")!);
      const dy = tensorOf(all.get("dy")!);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        map(x as tf.Tensor4D)
      )(x, dy as tf.Tensor4D);
      const { forward, gradient } = TOLERANCE[backend];
      assertLess(await relativeError(value, all.get(`${name}.y`)!), forward);
      assertLess(await relativeError(grad, all.get(`${name}.dx`)!), gradient);
      tf.dispose([x, dy, value, grad]);
    }
  },
);
