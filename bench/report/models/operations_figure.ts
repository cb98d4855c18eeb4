/** Operations of TensorFlow.js, one at a time, beside PyTorch's. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type OpenGroup, startBackend } from "../../group.ts";
import { readTensors, timeTensors, usageOf } from "../../../measure/tensors.ts";
import { OPERATIONS, type SingleOperation } from "../../single_operations.ts";
import {
  type NamedPeer,
  peerContender,
  prepareFastest,
} from "../../peers/torch.ts";
import type { FigureMaker } from "../figure.ts";
import { OURS, THEIRS } from "./names.ts";

/** Rows and columns of the matrices: a million numbers. */
const SIDE = 1024;

const QUICK_SIDE = 32;

/** What a reader's own code consists of. */
export const operations: FigureMaker = {
  seconds: { gpu: 30, wasm: 70, software: 0, cpu: 0 },
  unfit: "nobody else computes there, and its times say little",
  async measure({ info, threads, quick, peers }, collector) {
    await startBackend(info.name, threads);
    const side = quick ? QUICK_SIDE : SIDE;
    const torch = info.name === "wasm" ? peers.each : [];
    for (const [name, make] of Object.entries(OPERATIONS)) {
      await collector.measure(
        { panel: name, at: side * side },
        [OURS, ...torch.length > 0 ? [THEIRS] : []],
        (names) => open(name, make(side), names.includes(THEIRS) ? torch : []),
      );
    }
    return { settings: { numbers: side * side, precision: "32 bits" } };
  },
};

async function open(
  name: string,
  { inputs, run, check, choices = [{}] }: SingleOperation,
  torch: readonly NamedPeer[],
): Promise<OpenGroup> {
  const tensors = inputs.map(({ name, values, shape }) => {
    const isBoolean = name === "condition";
    return tf.tensor(values, [...shape], isBoolean ? "bool" : "float32");
  });
  const compute = () => tf.tidy(() => [run(tensors)]);
  const peer = await prepareFastest(
    torch,
    choices.map((choice) => ({
      work: "operation",
      options: { name, ...choice },
      tensors: inputs,
    })),
  );
  return {
    contenders: [
      {
        name: OURS,
        check: async () => check((await readTensors(compute))[0]!),
        run: () => timeTensors(compute),
        usage: () => usageOf(compute),
      },
      ...peer
        ? [peerContender(
          peer,
          ([values]) => check(values!),
          undefined,
          THEIRS,
        )]
        : [],
    ],
    baseline: OURS,
    close: async () => {
      tf.dispose(tensors);
      await peer?.release();
    },
  };
}
