import { assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  diagonalDecay,
  eluPlusOne,
  lionAttention,
  selectiveDecay,
  shiftedSilu,
} from "../../mod.ts";
import { withoutPadding } from "../../lib/operations/padding.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { largest } from "../comparison.ts";
import { type Fixture, readFixtures, tensorOf } from "../fixtures.ts";
import { sample } from "../sample.ts";

const FORMS = ["full", "recurrent", "blockwise", "chunkwise"] as const;

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

onEachBackend(
  "lionAttention() reproduces the figures of the PyTorch reference",
  async (backend) => {
    const all = await readFixtures("ref_scalar");
    const { forward, gradient } = TOLERANCE[backend];
    const cases = [...all.keys()].filter((name) => name.endsWith(".y"));
    assertEquals(cases.length, 22);
    for (const y of sample(backend, cases)) {
      const name = y.slice(0, -2);
      const [decay, direction, scaling] = name.split(".");
      const normalize = scaling === "scaled";
      const suffix = normalize ? "_pos" : "";
      const names = [
        `q${suffix}`,
        `k${suffix}`,
        "v",
        `${decay}.f`,
        `${decay}.b`,
      ];
      const inputs = names.map((n) => tensorOf(all.get(n)!));
      const dy = tensorOf<tf.Rank.R4>(all.get("dO")!);
      for (const form of FORMS) {
        const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
          const [q, k, v] = args as tf.Tensor4D[];
          const [f, b] = args.slice(3) as tf.Tensor3D[];
          return lionAttention(q!, k!, v!, {
            decay: bidirectionalDecay(f!, b!),
            form,
            chunkSize: 8,
            normalize,
            causal: direction === "causal",
          });
        })(inputs, dy);
        const label = `${name} as ${form}`;
        assertLess(
          await relativeError(value, all.get(`${name}.y`)!),
          forward,
          `${label}: y`,
        );
        const ofVectors = Math.max(
          ...["dq", "dk", "dv"].map((n) =>
            largest(all.get(`${name}.${n}`)!.values)
          ),
        );
        for (const [i, n] of ["dq", "dk", "dv", "df", "db"].entries()) {
          const expected = all.get(`${name}.${n}`);
          // The reference has no decay there, or reads none of it if causal.
          if (i >= 3 && !expected) continue;
          const size = i < 3 ? ofVectors : undefined;
          const error = await relativeError(grads[i]!, expected!, size);
          assertLess(error, gradient, `${label}: ${n}`);
        }
        tf.dispose([value, ...grads]);
      }
      tf.dispose([...inputs, dy]);
    }
  },
);

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
    const raw = { normalize: false, scale: 1, chunkSize: 8 };

    for (const form of FORMS) {
      const one = tf.tidy(() =>
        lionAttention(tensor("L1.q"), tensor("L1.k"), tensor("L1.v"), {
          normalize: false,
          form,
        })
      );
      assertLess(await relativeError(one, all.get("L1.y_raw")!), forward);

      // The reference attends from padding too, where there is no output here.
      const [padded, wanted] = tf.tidy(() => {
        const mask = tensor<tf.Rank.R2>("pad.keep");
        const y = lionAttention(
          tensor("pad.q"),
          tensor("pad.k"),
          tensor("pad.v"),
          { ...raw, form, decay: selectiveDecay(tensor("pad.g")), mask },
        );
        return [y, withoutPadding(tensor("pad.y_raw_scale1"), mask)];
      });
      const reference = all.get("pad.y_raw_scale1")!;
      const values = await wanted!.data<"float32">();
      wanted!.dispose();
      assertLess(
        await relativeError(padded!, { ...reference, values }),
        forward,
      );

      // Several sequences in one: nothing passes where one ends.
      const packed = tf.tidy(() => {
        const lengths = [
          ...new Int32Array(all.get("packed.lens")!.values.buffer),
        ];
        const numbers = lengths.flatMap((n, i) => Array(n).fill(i));
        return lionAttention(
          tensor("pad.q"),
          tensor("pad.k"),
          tensor("pad.v"),
          {
            ...raw,
            form,
            decay: selectiveDecay(tensor("pad.g")),
            segments: tf.tensor2d([numbers], undefined, "int32"),
          },
        );
      });
      assertLess(
        await relativeError(packed, all.get("packed.y_raw_scale1")!),
        forward,
      );
      tf.dispose([one, padded, packed]);
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
