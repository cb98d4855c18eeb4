/** Each form as a kernel and in tfjs operations, against the oracle. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { type BackendName, explainAttention } from "../../mod.ts";
import { onEachBackend, WITH_KERNELS } from "../backends.ts";
import { sample, sampleForms, sampleShared } from "../sample.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { DECAYS, LION, type LionCase } from "../subjects/lion.ts";
import type { Way } from "../subjects/subject.ts";

const LENGTHS = [1, 2, 17, 64, 67, 130];
/** Lengths of rows in which sequences are packed too. */
const PACKED_LENGTHS = [1, 2, 17, 67];
/** One sequence with mixed decays, and six that have each kind of decay. */
const SIZES = [{ batch: 1, heads: 1 }, { batch: 2, heads: 3 }];
/** Chunks that do not divide the lengths, except 64. */
const FORMS = [
  { form: "full", chunkSize: 1 },
  { form: "recurrent", chunkSize: 1 },
  { form: "blockwise", chunkSize: 24 },
  { form: "chunkwise", chunkSize: 16 },
] as const;

function* cases(length: number): Generator<LionCase> {
  const sizes = length === 17
    ? [...SIZES, { batch: 1, heads: 3 }, { batch: 2, heads: 1 }]
    : SIZES;
  for (const size of sizes) {
    for (const decay of DECAYS) {
      for (const causal of [false, true]) {
        for (const normalize of [false, true]) {
          for (const padded of [false, true]) {
            const c = { ...size, length, decay, causal, normalize, padded };
            yield c;
            if (PACKED_LENGTHS.includes(length)) yield { ...c, packed: true };
          }
        }
      }
    }
  }
}

/**
 * The lengths of a form. On WebGPU tfjs's operations are compiled for each shape.
 * Without chunks they are some for each token, which are the same for 17 tokens as
 * for 67: √length checkpoints, of which the last has fewer tokens. In chunks they
 * are the same for 67 tokens as for 130: some whole chunks, and a part of one.
 */
function lengthsOf(
  { form, kernel }: Way,
  backend: BackendName,
): readonly number[] {
  if (kernel) return LENGTHS;
  if (form === "recurrent") return [1, 2, 17];
  return backend === "webgpu" ? [1, 2, 17, 67] : [1, 2, 17, 64, 67];
}

/** One token of one sequence. */
const isEdge = ({ batch, heads, length }: LionCase) =>
  batch * heads * length === 1;

for (const { form, chunkSize } of FORMS) {
  for (const kernel of [true, false]) {
    const means = kernel ? "as a kernel" : "in tfjs operations";
    const way = { form, chunkSize, kernel };
    onEachBackend(
      `lionAttention() as ${form} ${means} equals the oracle, with its gradients`,
      async (backend, t) => {
        const x = tf.ones<tf.Rank.R4>([1, 1, 2, 2]);
        const plan = explainAttention(x, x, x, { form, kernel });
        assertEquals(plan.kernel !== null, kernel);
        x.dispose();
        for (const length of lengthsOf(way, backend)) {
          await t.step(`length ${length}`, async () => {
            const some = kernel ? sample : sampleShared;
            const chosen = some(backend, cases(length), isEdge);
            const runs = chosen.map((c) => [c, way] as const);
            await assertRight(LION, runs, backend);
          });
        }
      },
      { only: kernel ? WITH_KERNELS : undefined, sampled: true },
    );
  }
}

onEachBackend(
  "chunkwise carries states over many chunks, in groups of groups",
  (backend) => {
    const one = { batch: 1, heads: 1, normalize: true };
    const long = { length: 1100, decay: "two-sided", causal: false } as const;
    const cases = [false, true].flatMap((
      kernel,
    ): (readonly [LionCase, Way])[] => [
      ...DECAYS.flatMap((decay) =>
        [false, true].map((causal): [LionCase, Way] => [
          { ...one, length: 200, decay, causal },
          { form: "chunkwise", chunkSize: 2, kernel },
        ])
      ),
      [{ ...one, ...long }, {
        form: "chunkwise",
        chunkSize: 1,
        kernel,
      }] as const,
    ]);
    const isPlain = ([, { kernel }]: typeof cases[number]) => !kernel;
    return assertRight(LION, sampleForms(backend, cases, isPlain), backend);
  },
  { sampled: true },
);
