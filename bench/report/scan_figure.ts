/** Mamba's selective scan beside PyTorch's, gates included. @module */
import { PASSES } from "../../measure/tensors.ts";
import { startBackend } from "../group.ts";
import { openBesidePeers } from "../beside_peers.ts";
import { scanOperation } from "../operations.ts";
import { scanLoop, scanProblem } from "../scan_problem.ts";
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

/** One sequence, forward and with all gradients. */
export const scan: FigureMaker = {
  seconds: { gpu: 20, wasm: 40, software: 20, cpu: 0 },
  async measure(setting, collector) {
    const { info, threads, quick, power } = setting;
    await startBackend(info.name, threads);
    const peers = info.name === "wasm"
      ? setting.peers.pools[0]?.named("PyTorch") ?? []
      : [];
    const names = [
      "selectiveScan",
      ...info.name === "webgpu" ? ["selectiveScan in tfjs"] : [],
      ...peers.map(({ name }) => name),
    ];
    for (const length of quick ? [64] : LENGTHS[power]) {
      const operation = scanOperation(length, CHANNELS, STATE_DIM);
      // Plain forms keep all states, which long sequences have no memory for.
      const expected = () => {
        const { y, gradients } = scanLoop(
          scanProblem(length, CHANNELS, STATE_DIM),
        );
        return [y, ...Object.values(gradients)];
      };
      for (const pass of PASSES) {
        await collector.measure(
          { panel: pass, at: length },
          names,
          (names) =>
            openBesidePeers("selectiveScan", {
              ...{ names, pass, peers, operation, expected },
              choices: CHUNKS.map((chunk) => ({
                form: "selective scan",
                chunk,
              })),
            }),
        );
      }
    }
    return { settings: { channels: CHANNELS, states: STATE_DIM } };
  },
};
