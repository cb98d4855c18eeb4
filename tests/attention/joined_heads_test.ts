/** Attention that joins heads equals attention whose heads are then joined, to the last bit. */
import { assertEquals } from "@std/assert";
import type * as tf from "@tensorflow/tfjs-core";
import { lionAttention } from "../../mod.ts";
import { attentionWithJoinedHeads } from "../../lib/attention/lion_attention.ts";
import { joinHeads } from "../../lib/operations/mod.ts";
import { onEachBackend } from "../backends.ts";
import { decayOf, LION, type LionCase, optionsOf } from "../subjects/lion.ts";
import { resultOf, type Subject, type Way } from "../subjects/subject.ts";

/** Attention whose heads are joined in one way or the other. */
const joining = (
  join: (...x: Parameters<typeof lionAttention>) => tf.Tensor,
): Pick<Subject<LionCase, ReturnType<typeof LION.problemOf>>, "run"> => ({
  run: ({ q, k, v, ...decays }, problem, options) =>
    join(q, k, v, {
      decay: decayOf(problem.decay, decays),
      ...{ ...optionsOf(problem), ...options as object },
    }),
});
const afterwards = joining((...x) => joinHeads(lionAttention(...x)));
const within = joining(attentionWithJoinedHeads);

type Sizes = [number, number, number, number, number];
type Joined = [
  Sizes,
  decay: LionCase["decay"],
  flags: Partial<LionCase>,
  way: Way,
];

/** Attention whose heads no kernel joins. */
const OTHERS: Joined[] = [
  [[2, 2, 9, 4, 8], "source", {}, { form: "full" }],
  [[2, 2, 9, 4, 4], "source", {}, { kernel: false }],
  [[2, 2, 6, 4, 4], "source of channels", {}, {}],
];

onEachBackend("heads are joined as if afterwards", async (backend) => {
  const cases: Joined[] = [
    [[1, 1, 1, 1, 1], "source", {}, {}],
    [[2, 3, 5, 4, 4], "none", { normalize: false }, {}],
    [[2, 3, 70, 6, 5], "source", {}, {}],
    [[1, 2, 21, 4, 3], "fixed", { causal: true }, { chunkSize: 8 }],
    // Shaders that no other case has are compiled for long.
    ...backend === "webgpu" ? [] : OTHERS,
  ];
  for (const [sizes, decay, flags, way] of cases) {
    const [batch, heads, length, headDim, valueDim] = sizes;
    for (const hidden of [false, true]) {
      const c: LionCase = {
        ...{ batch, heads, length, headDim, valueDim, decay },
        ...{ causal: false, normalize: true, ...flags },
        ...{ padded: hidden, packed: hidden },
      };
      const { outputGradient, ...problem } = LION.problemOf(c);
      const shape = [batch, length, heads * valueDim];
      // Padding is elsewhere in what is joined.
      const values = outputGradient.values.map((x) => Math.abs(x) < 2 ? x : 0);
      const joined = { ...problem, outputGradient: { values, shape } };
      assertEquals(
        await resultOf(within, joined, way),
        await resultOf(afterwards, joined, way),
        JSON.stringify({ ...c, ...way }),
      );
    }
  }
});
