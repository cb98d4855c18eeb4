/** What the kernels of attention take, each by itself. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  explainAttention,
  type KernelProfile,
  lionAttention,
  type Profile,
  profile,
  selectiveDecay,
} from "@lionjs/lion";
import { HEAD_DIM, problemOf } from "../attention_problem.ts";
import { compute } from "../../measure/tensors.ts";
import { startBackend } from "../group.ts";
import { whyNotThere } from "./collector.ts";
import type { ByPower, FigureMaker } from "./figure.ts";
import type { KernelCost } from "../../measure/report_file.ts";

/** Sequences that are computed at once. */
interface Size {
  readonly batch: number;
  readonly heads: number;
  /** The last one is that whose kernels are listed. */
  readonly lengths: readonly number[];
}

const SIZES: ByPower<Size> = {
  // As many as a large card needs to be busy.
  gpu: { batch: 8, heads: 16, lengths: [4096, 16_384] },
  wasm: { batch: 1, heads: 4, lengths: [4096] },
  software: { batch: 1, heads: 4, lengths: [1024] },
  cpu: { batch: 1, heads: 4, lengths: [256] },
};

/** Heads of the problem that is repeated. */
const HEADS = 4;

/** The kernels of LION-S in the chunkwise form, with gradients. */
export const kernels: FigureMaker = {
  seconds: { gpu: 10, wasm: 5, software: 10, cpu: 5 },
  async measure({ info, threads, quick, power }, collector) {
    const { batch, heads, lengths } = SIZES[power];
    await startBackend(info.name, threads);
    const runs = quick ? 1 : 5;
    const found: (Measured & { readonly length: number })[] = [];
    for (const [i, usual] of lengths.entries()) {
      const length = quick ? 64 << i : usual;
      try {
        found.push({ length, ...await kernelsOf(batch, heads, length, runs) });
      } catch (error) {
        // A small card has no room for what a large one is measured by.
        const place = { panel: "gradients", at: length };
        collector.skip(place, "chunkwise", whyNotThere(error));
      }
    }
    const last = found.at(-1);
    return {
      settings: {
        ...{ variant: "LION-S", form: "chunkwise" },
        ...(last && { tokens: last.length }),
        ...(batch > 1 && { batch }),
        ...{ heads, "columns of a head": HEAD_DIM },
        ...(last && { clock: last.clock }),
      },
      kernels: last?.kernels ?? [],
      costs: found.flatMap(({ length, costs }) =>
        costs.map((cost) =>
          found.length > 1
            ? { ...cost, kernel: `${cost.kernel}, ${length} tokens` }
            : cost
        )
      ),
    };
  },
};

interface Measured {
  readonly kernels: readonly KernelProfile[];
  readonly clock: Profile["clock"];
  readonly costs: readonly KernelCost[];
}

async function kernelsOf(
  batch: number,
  heads: number,
  length: number,
  runs: number,
): Promise<Measured> {
  const { logDecay, ...problem } = problemOf("s", HEADS, length);
  const repeated = (
    values: Float32Array,
    ...columns: number[]
  ): tf.Tensor =>
    tf.tidy(() => {
      const one = tf.tensor(values, [1, HEADS, length, ...columns]);
      const times = [batch, heads / HEADS, 1, ...columns.map(() => 1)];
      return times.every((count) => count === 1) ? one : tf.tile(one, times);
    });
  const tensors: tf.Tensor[] = [];
  try {
    const { q, k, v, dy } = problem;
    for (const values of [q, k, v, dy]) {
      tensors.push(repeated(values, HEAD_DIM));
    }
    tensors.push(repeated(logDecay!));
    const [queries, keys, values, cotangent, decays] = tensors as [
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor3D,
    ];
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
          [queries, keys, values, decays],
          cotangent,
          "gradients",
        ),
      { launches: tf.getBackend() === "webgpu", runs },
    );
    const plan = explainAttention(queries, keys, values, {
      form: "chunkwise",
      decay: selectiveDecay(decays),
    });
    const costs = clock === "none" ? [] : costsOf(kernels, plan);
    return { kernels, clock, costs };
  } finally {
    tf.dispose(tensors);
  }
}

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
