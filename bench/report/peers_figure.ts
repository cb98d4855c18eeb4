/** Attention beside that of other libraries. @module */
import { attentionGroup, LOOP, PLAIN_SOFTMAX, SOFTMAX } from "../attention.ts";
import { HEAD_DIM } from "../attention_problem.ts";
import { PASSES } from "../../measure/tensors.ts";
import type { AttentionPeer } from "../peers/attention_peer.ts";
import { type NamedPeer, TORCH } from "../peers/torch.ts";
import type { ByPower, FigureMaker, Peers } from "./figure.ts";

const HEADS = 4;

const LENGTHS: ByPower<readonly number[]> = {
  gpu: [256, 1024, 4096, 16_384],
  wasm: [256, 1024, 4096],
  software: [256, 1024],
  cpu: [],
};

/** Ours and loops; softmax, which is another function, is for comparison. */
const OURS = ["chunkwise", "full", SOFTMAX, PLAIN_SOFTMAX, LOOP];

/** Our chunkwise form and softmax beside PyTorch's, ONNX Runtime's and jax-js's. */
export const peers: FigureMaker = {
  seconds: { gpu: 60, wasm: 75, software: 30, cpu: 0 },
  unfit: "nobody else computes with one thread of plain JavaScript",
  async measure({ info, threads, quick, power, peers }, collector) {
    for (const length of quick ? [64, 128] : LENGTHS[power]) {
      for (const pass of PASSES) {
        const place = { panel: pass, at: length };
        const present = besideOf(peers, info.name).filter(({ name }) => {
          // Of its gradients' shaders each takes seconds to compile in software.
          const isSlow = power === "software" && pass === "gradients";
          if (isSlow) {
            const why = "its shaders take a minute to compile in software";
            collector.skip(place, name, why);
          }
          return !isSlow;
        });
        await collector.measure(
          place,
          [...OURS, ...present.map(({ name }) => name)],
          (names) => {
            const chosen = present.filter(({ name }) => names.includes(name));
            return attentionGroup({
              ...{ backend: info.name, pass, variant: "s", length, threads },
              heads: HEADS,
              torch: names.includes(TORCH) ? peers.scan : null,
              torchFull: chosen.flatMap(({ full }) => full ?? []),
              torchSoftmax: chosen.flatMap(({ softmax }) => softmax ?? []),
              onnx: chosen.flatMap(({ onnx }) => onnx ?? []),
              peers: chosen.flatMap(({ library }) => library ?? []),
              only: names.filter((name) => OURS.includes(name)),
              onRefused: (name, why) => collector.skip(place, name, why),
            }).open();
          },
        );
      }
    }
    return {
      settings: {
        ...{ batch: 1, heads: HEADS, "columns of a head": HEAD_DIM },
        ...{ variant: "LION-S", "threads of each": threads },
      },
    };
  },
};

/** A peer, whichever kind it is. */
interface Present {
  readonly name: string;
  readonly full?: NamedPeer;
  readonly softmax?: NamedPeer;
  readonly onnx?: NamedPeer;
  readonly library?: AttentionPeer;
}

/** Those that compute on the same part of the machine as a backend: PyTorch and ONNX Runtime are on the CPU. */
function besideOf(
  { scan, pools, onnx, libraries }: Peers,
  backend: string,
): Present[] {
  const [first, second] = pools;
  const full = first?.named("PyTorch full") ?? [];
  const softmax = second?.named("PyTorch SDPA") ?? [];
  const onCpu: Present[] = [
    ...(scan ? [{ name: TORCH }] : []),
    ...full.map((full) => ({ name: full.name, full })),
    ...softmax.map((softmax) => ({ name: softmax.name, softmax })),
    ...onnx.map((onnx) => ({ name: onnx.name, onnx })),
  ];
  return [
    ...(backend === "wasm" ? onCpu : []),
    ...libraries.filter(({ beside }) => beside === backend)
      .map((library) => ({ name: library.name, library })),
  ];
}
