/** Mamba's selective scan beside PyTorch's, gates included. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveScan, type SelectiveScanInputs } from "@lionjs/lion";
import { type Pass, PASSES } from "../attention_problem.ts";
import {
  compute,
  type Contender,
  type OpenGroup,
  readTensors,
  startBackend,
  timeTensors,
  usageOf,
} from "../group.ts";
import { difference } from "../measure.ts";
import { type NamedPeer, peerContender } from "../peers/torch.ts";
import { INPUTS, scanLoop, scanProblem, shapeOf } from "../scan_problem.ts";
import type { ByPower, FigureMaker } from "./figure.ts";

/** As in Vision Mamba's smallest model. */
const CHANNELS = 384;
const STATE_DIM = 16;

const LENGTHS: ByPower<readonly number[]> = {
  gpu: [1024, 4096],
  wasm: [1024, 4096],
  software: [256, 1024],
  cpu: [],
};

/** PyTorch's chunks, of which the fastest is timed. */
const CHUNKS = [16, 32, 64, 128];

/** The kernel, and the same in operations of TensorFlow.js. */
const OURS = { selectiveScan: true, "selectiveScan in tfjs": false } as const;

/** Largest error relative to the largest value: of the tests, with room for long sums. */
const TOLERANCE = { forward: 2e-5, gradients: 5e-5 };

/** One sequence, forward and with all gradients. */
export const scan: FigureMaker = {
  seconds: { gpu: 20, wasm: 40, software: 20, cpu: 0 },
  async measure({ info, threads, quick, power, peers }, collector) {
    await startBackend(info.name, threads);
    const isOnCpu = info.name === "wasm";
    const theirs = isOnCpu ? peers.pools[0]?.named("PyTorch") ?? [] : [];
    const names = [
      ...Object.keys(OURS).slice(0, isOnCpu ? 1 : 2),
      ...theirs.map(({ name }) => name),
    ];
    for (const length of quick ? [64] : LENGTHS[power]) {
      for (const pass of PASSES) {
        await collector.measure(
          { panel: pass, at: length },
          names,
          (names) => open(length, pass, names, theirs),
        );
      }
    }
    return { settings: { channels: CHANNELS, states: STATE_DIM } };
  },
};

async function open(
  length: number,
  pass: Pass,
  names: readonly string[],
  theirs: readonly NamedPeer[],
): Promise<OpenGroup> {
  const problem = scanProblem(length, CHANNELS, STATE_DIM);
  const expected = scanLoop(problem);
  const arrays = [
    ...INPUTS.map((name) => ({
      name,
      shape: shapeOf(problem, name),
      values: problem.inputs[name],
    })),
    { name: "dy", shape: shapeOf(problem, "x"), values: problem.dy },
  ];
  const tensors = arrays.map(({ shape, values }) => tf.tensor(values, shape));
  const check = ([y, ...gradients]: readonly Float32Array[]) =>
    gradients.reduce<string | null>(
      (wrong, gradient, i) =>
        wrong ?? difference(
          `the gradient of ${INPUTS[i]}`,
          [[gradient, expected.gradients[INPUTS[i]!]]],
          TOLERANCE.gradients,
        ),
      difference("y", [[y!, expected.y]], TOLERANCE.forward),
    );
  const ourContender = (name: string, kernel: boolean): Contender => {
    const scan = (...given: tf.Tensor[]) => {
      const inputs = INPUTS.map((name, i) => [name, given[i]]);
      return selectiveScan(
        Object.fromEntries(inputs) as SelectiveScanInputs,
        { kernel },
      );
    };
    const run = () =>
      compute(scan, tensors.slice(0, -1), tensors.at(-1)!, pass);
    return {
      name,
      check: async () => check(await readTensors(run)),
      run: () => timeTensors(run),
      usage: () => usageOf(run),
    };
  };
  const contenders = Object.entries(OURS)
    .filter(([name]) => names.includes(name))
    .map(([name, kernel]) => ourContender(name, kernel));
  const present = theirs.filter(({ name }) => names.includes(name));
  for (const { name, peer } of present) {
    await peer.prepareFastest(CHUNKS.map((chunk) => ({
      work: "attention",
      options: { pass, form: "selective scan", chunk },
      tensors: arrays,
    })));
    contenders.push(peerContender(peer, check, undefined, name));
  }
  return {
    contenders,
    baseline: contenders[0]!.name,
    close: async () => {
      tf.dispose(tensors);
      for (const { peer } of present) await peer.release();
    },
  };
}
