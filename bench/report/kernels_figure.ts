/** What the kernels of attention take, each by itself. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  explainAttention,
  type KernelProfile,
  lionAttention,
  profile,
  selectiveDecay,
} from "@lionjs/lion";
import { HEAD_DIM, problemOf } from "../attention_problem.ts";
import { compute, startBackend } from "../group.ts";
import type { ByPower, FigureMaker } from "./figure.ts";
import type { KernelCost } from "./report_file.ts";

const HEADS = 4;

const LENGTH: ByPower<number> = {
  gpu: 8192,
  wasm: 4096,
  software: 1024,
  cpu: 256,
};

/** The kernels of LION-S in the chunkwise form, with gradients. */
export const kernels: FigureMaker = {
  seconds: { gpu: 5, wasm: 5, software: 10, cpu: 5 },
  async measure({ info, threads, quick, power }) {
    const length = quick ? 64 : LENGTH[power];
    await startBackend(info.name, threads);
    const { logDecay, ...problem } = problemOf("s", HEADS, length);
    const [q, k, v, dy] = [problem.q, problem.k, problem.v, problem.dy].map(
      (values) => tf.tensor(values, [1, HEADS, length, HEAD_DIM]),
    ) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const decays = tf.tensor(logDecay!, [1, HEADS, length]);
    const { kernels, clock } = await profile(
      () =>
        compute(
          (q, k, v, logDecay) =>
            lionAttention(
              q as tf.Tensor4D,
              k as tf.Tensor4D,
              v as tf.Tensor4D,
              {
                form: "chunkwise",
                decay: selectiveDecay(logDecay as tf.Tensor3D),
              },
            ),
          [q, k, v, decays],
          dy,
          "gradients",
        ),
      { launches: info.name === "webgpu", runs: quick ? 1 : 5 },
    );
    const plan = explainAttention(
      ...[q, k, v] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D],
      {
        form: "chunkwise",
        decay: selectiveDecay(decays as tf.Tensor3D),
      },
    );
    tf.dispose([q, k, v, dy, decays]);
    return {
      settings: {
        ...{ variant: "LION-S", form: "chunkwise", tokens: length },
        ...{ heads: HEADS, "columns of a head": HEAD_DIM, clock },
      },
      kernels,
      costs: clock === "none" ? [] : costsOf(kernels, plan),
    };
  },
};

/** Of attention's two kernels; the second does twice as much as the first, as is usual. */
function costsOf(
  kernels: readonly KernelProfile[],
  { operations, bytes }: { operations: number; bytes: number },
): KernelCost[] {
  return [["LionChunkwise", 1], ["LionChunkwiseGrad", 2]].flatMap(
    ([name, times]) => {
      const own = kernels.filter(({ kernel }) =>
        kernel.split(": ")[0] === name
      );
      if (own.length === 0) return [];
      return [{
        kernel: name as string,
        milliseconds: own.reduce((sum, one) => sum + one.milliseconds, 0),
        operations: (times as number) * operations,
        bytes: (times as number) * bytes,
      }];
    },
  );
}
