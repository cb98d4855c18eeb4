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
} from "../tools/command_line.ts";
import { attentionGroup, type NamedPeer } from "./attention.ts";
import { type Pass, PASSES } from "./attention_problem.ts";
import { assertParity, type Measurement, timeAlternating } from "./measure.ts";
import { HOW_TO_GET_TORCH, TorchPeer } from "./peers/torch.ts";

const USAGE = `Usage: deno task fast run -A bench/softmax.ts [options]

  --backend NAME    wasm or webgpu (default: wasm)
  --lengths TOKENS  default 1024,4096; on webgpu 1024
  --threads N       of wasm and of PyTorch (default: one for each core)
  --help            print this`;

const OURS = "softmax";

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
    threads: positiveInteger("--threads", values.threads),
  };
});

const peers: NamedPeer[] = [];
if (backend === "wasm") {
  for (const pool of ["OpenBLAS", "OpenMP"] as const) {
    const peer = await TorchPeer.start(threads, pool);
    if (peer) peers.push({ name: `PyTorch SDPA, ${pool}`, peer });
  }
  if (peers.length === 0) {
    console.log(`PyTorch is not here to compare with: ${HOW_TO_GET_TORCH}`);
  }
}

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
  const { contenders, close } = await open();
  try {
    const beside = peers.length > 0
      ? peers.map(({ name }) => name)
      : ["softmax in tfjs"];
    const compared = contenders.filter(({ name }) =>
      [OURS, ...beside].includes(name)
    );
    await assertParity(compared);
    return await timeAlternating(compared, OURS);
  } finally {
    await close();
  }
}

let exceeded = 0;
for (const length of lengths) {
  for (const pass of PASSES) {
    const measurements = await measure(length, pass);
    console.log(`\n${length} tokens, ${pass}: milliseconds, median`);
    for (const { name, median, p20, p80 } of measurements) {
      const range = `${p20.toFixed(2)} to ${p80.toFixed(2)}`;
      console.log(`  ${name.padEnd(24)} ${median.toFixed(2)} (${range})`);
    }
    const ours = measurements.find(({ name }) => name === OURS)!;
    const others = measurements.filter(({ name }) => name !== OURS);
    const least = Math.min(...others.map(({ median }) => median));
    const ratio = ours.median / least;
    if (ratio > 1) exceeded++;
    console.log(
      `  ratio to the best: ${ratio.toFixed(2)}, bound 1${
        ratio > 1 ? ": EXCEEDED" : ""
      }`,
    );
  }
}
for (const { peer } of peers) await peer[Symbol.asyncDispose]();
// Workers of a backend must not keep the process.
Deno.exit(exceeded > 0 ? 1 : 0);
