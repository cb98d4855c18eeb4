/**
 * Compares softmax attention with PyTorch's on the CPU:
 * `deno task fast run -A bench/softmax.ts`, on a machine that is idle. With
 * `--backend webgpu`, which PyTorch does not know, with tfjs operations.
 *
 * All results are checked before the first time is taken; the contenders of a
 * line take turns. Ends with 1 if a ratio is above 1.
 *
 * @module
 */
import {
  positiveInteger,
  readCommandLine,
  someOf,
  threadCount,
} from "../tools/command_line.ts";
import { attentionGroup, PLAIN_SOFTMAX, SOFTMAX as OURS } from "./attention.ts";
import { type Pass, PASSES } from "./attention_problem.ts";
import { Bounds, medianOf, tellTimes } from "./bounds.ts";
import { timeChecked } from "./group.ts";
import type { Measurement } from "./measure.ts";
import { endPeers, startPeers } from "./peers/torch.ts";

const USAGE = `Usage: deno task fast run -A bench/softmax.ts [options]

  --backend NAME    wasm or webgpu (default: wasm)
  --lengths TOKENS  default 1024,4096; on webgpu 1024
  --threads N       of wasm and of PyTorch (default: one for each core)
  --help            print this`;

const { backend, lengths, threads } = await readCommandLine(USAGE, {
  backend: { type: "string", default: "wasm" },
  lengths: { type: "string" },
  threads: { type: "string", default: String(navigator.hardwareConcurrency) },
}, (values) => {
  const [backend] = someOf("--backend", values.backend, ["wasm", "webgpu"]);
  const lengths = values.lengths ?? (backend === "wasm" ? "1024,4096" : "1024");
  return {
    backend: backend as "wasm" | "webgpu",
    lengths: lengths.split(",").map((text) =>
      positiveInteger("--lengths", text)
    ),
    threads: threadCount("--threads", values.threads),
  };
});

const peers = backend === "wasm"
  ? await startPeers(["PyTorch SDPA"], threads)
  : [];

/** Our kernel and what it is compared with. */
async function measure(length: number, pass: Pass): Promise<Measurement[]> {
  const { open } = attentionGroup({
    backend,
    pass,
    variant: "lit",
    length,
    heads: 4,
    threads,
    torch: null,
    torchSoftmax: peers,
  });
  const beside = peers.length > 0
    ? peers.map(({ name }) => name)
    : [PLAIN_SOFTMAX];
  return await timeChecked(
    { ...await open(), baseline: OURS },
    (name) => beside.includes(name),
  );
}

const bounds = new Bounds();
for (const length of lengths) {
  for (const pass of PASSES) {
    const measurements = await measure(length, pass);
    tellTimes(`${length} tokens, ${pass}`, measurements);
    const others = measurements.filter(({ name }) => name !== OURS);
    const least = Math.min(...others.map(({ median }) => median));
    const ratio = medianOf(measurements, OURS) / least;
    bounds.tell("ratio to the best", ratio, 1);
  }
}
await endPeers(peers);
bounds.end();
