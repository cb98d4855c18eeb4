/**
 * Compares Mamba's selective scan with PyTorch's on the CPU, gates included:
 * `deno task fast run -A bench/scan.ts`, on a machine that is idle. With
 * `--webgpu` the kernel there with the same in tfjs operations.
 *
 * One sequence, 384 channels of 16 numbers, as in Vision Mamba's smallest model.
 * All results are checked before the first time of a line is taken; its
 * contenders take turns. Ends with 1 if a ratio is above its bound.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  selectiveScan,
  type SelectiveScanInputs,
} from "@lionjs/lion/operations";
import { readCommandLine, threadCount } from "../tools/command_line.ts";
import { type Pass, PASSES } from "./attention_problem.ts";
import { Bounds, leastMedian, medianOf, tellTimes } from "./bounds.ts";
import {
  compute,
  type Contender,
  readTensors,
  startBackend,
  timeChecked,
  timeTensors,
} from "./group.ts";
import { difference } from "./measure.ts";
import {
  endPeers,
  type NamedPeer,
  peerContender,
  startPeers,
} from "./peers/torch.ts";
import { INPUTS, scanLoop, scanProblem, shapeOf } from "./scan_problem.ts";

const USAGE = `Usage: deno task fast run -A bench/scan.ts [options]

  --webgpu          the kernel of webgpu beside its plain form, at 1024 tokens
  --threads N       of wasm and of PyTorch (default: one for each core)
  --help            print this`;

const CHANNELS = 384;
const STATE_DIM = 16;
const LENGTHS = [1024, 4096];

/** PyTorch's chunks, of which the fastest is timed. */
const CHUNKS = [16, 32, 64, 128];

const OURS = "selectiveScan";
const PLAIN = "selectiveScan in tfjs";
const THEIRS = "PyTorch selective scan";

/** Of our time to PyTorch's, and of a kernel's to that of its plain form. */
const MOST = 1;

/** Largest error relative to the largest value: of the tests, with room for long sums. */
const TOLERANCE = { forward: 2e-5, gradients: 5e-5 };

const { webgpu, threads } = await readCommandLine(USAGE, {
  webgpu: { type: "boolean", default: false },
  threads: { type: "string", default: String(navigator.hardwareConcurrency) },
}, ({ webgpu, threads }) => ({
  webgpu,
  threads: threadCount("--threads", threads),
}));

const bounds = new Bounds();
await startBackend(webgpu ? "webgpu" : "wasm", threads);
const peers = webgpu ? [] : await startPeers([THEIRS], threads);
for (const length of webgpu ? LENGTHS.slice(0, 1) : LENGTHS) {
  for (const pass of PASSES) await compareScans(length, pass);
}
await endPeers(peers);
bounds.end();

async function compareScans(length: number, pass: Pass): Promise<void> {
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
    };
  };
  const theirContender = async (
    { name, peer }: NamedPeer,
  ): Promise<Contender> => {
    const fastest = await peer.prepareFastest(CHUNKS.map((chunk) => ({
      work: "attention",
      options: { pass, form: "selective scan", chunk },
      tensors: arrays,
    })));
    const named = `${name}, chunks of ${CHUNKS[fastest]}`;
    return peerContender(peer, check, undefined, named);
  };
  const contenders = [ourContender(OURS, true)];
  if (webgpu) contenders.push(ourContender(PLAIN, false));
  for (const peer of peers) contenders.push(await theirContender(peer));
  const measurements = await timeChecked({
    contenders,
    baseline: OURS,
    close: async () => {
      tf.dispose(tensors);
      for (const { peer } of peers) await peer.release();
    },
  });
  tellTimes(`${length} tokens, ${pass}`, measurements);
  const rival = webgpu ? PLAIN : THEIRS;
  const theirs = leastMedian(measurements, rival);
  if (theirs === undefined) return;
  bounds.tell(
    `${OURS} beside ${rival}`,
    medianOf(measurements, OURS) / theirs,
    MOST,
  );
}
