/**
 * Compares the forms with each other and the full one with PyTorch's:
 * `deno task fast run -A bench/forms.ts`, on a machine that is idle.
 *
 * All results are checked before the first time is taken; the contenders of a
 * line take turns. Ends with 1 if a ratio is above its bound.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { attentionGroup, type TorchFull } from "./attention.ts";
import { type Pass, PASSES } from "./attention_problem.ts";
import { assertParity, type Measurement, timeAlternating } from "./measure.ts";
import { HOW_TO_GET_TORCH, TorchPeer } from "./peers/torch.ts";

const USAGE = `Usage: deno task fast run -A bench/forms.ts [options]

  --lengths TOKENS  default 256,1024,4096
  --threads N       of wasm and of PyTorch (default: one for each core)
  --help            print this`;

/** PyTorch's full form: with a mask a direction, as the authors make them. */
const AUTHORS = "PyTorch full, two masks";
/** The same with fewer operations on [length, length]. */
const LEAN = "PyTorch full, one mask";

/** A form, whose time is compared with the least of others. */
interface Bound {
  readonly form: string;
  /** What is compared with: a form, or PyTorch's full form. */
  readonly beside: "full" | "chunkwise" | typeof AUTHORS | typeof LEAN;
  readonly lengths: readonly number[];
  /** The ratio that should not be exceeded, `Infinity` where it is only told. */
  readonly most: Readonly<Partial<Record<Pass, number>>>;
}

const BOUNDS: readonly Bound[] = [
  {
    form: "full",
    beside: AUTHORS,
    lengths: [256, 1024],
    most: { forward: 0.3, gradients: 0.3 },
  },
  {
    form: "full",
    beside: LEAN,
    lengths: [256, 1024],
    most: { forward: Infinity, gradients: Infinity },
  },
  {
    form: "recurrent",
    beside: "chunkwise",
    lengths: [1024, 4096],
    most: { forward: 4, gradients: 5 },
  },
  {
    form: "blockwise",
    beside: "full",
    lengths: [256, 1024, 4096],
    most: { forward: 1.3 },
  },
];

/** Beyond this PyTorch's full form takes seconds. */
const LONGEST_OF_TORCH = 1024;

const { values } = parseArgs({
  options: {
    lengths: { type: "string", default: "256,1024,4096" },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const threads = Number(values.threads);
const lengths = values.lengths.split(",").map(Number);
if (![threads, ...lengths].every((x) => Number.isInteger(x) && x > 0)) {
  console.error(`numbers should be positive integers\n\n${USAGE}`);
  Deno.exit(2);
}

const peers: TorchFull[] = [];
for (const pool of ["OpenBLAS", "OpenMP"] as const) {
  for (const [name, masks] of [[AUTHORS, 2], [LEAN, 1]] as const) {
    const peer = await TorchPeer.start(threads, pool);
    if (peer) peers.push({ name: `${name}, ${pool}`, peer, masks });
  }
}
if (peers.length === 0) {
  console.log(`PyTorch is not here to compare with: ${HOW_TO_GET_TORCH}`);
}

/** The contenders of one problem, timed after all results were checked. */
async function measure(length: number, pass: Pass): Promise<Measurement[]> {
  const { open } = attentionGroup({
    backend: "wasm",
    pass,
    variant: "s",
    length,
    heads: 4,
    threads,
    torch: null,
    torchFull: length <= LONGEST_OF_TORCH ? peers : [],
  });
  const { contenders, baseline, close } = await open();
  try {
    await assertParity(contenders);
    return await timeAlternating(contenders, baseline);
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
      console.log(`  ${name.padEnd(32)} ${median.toFixed(2)} (${range})`);
    }
    for (const { form, beside, lengths, most } of BOUNDS) {
      const bound = most[pass];
      const times = measurements.filter(({ name }) => name.startsWith(beside));
      if (!bound || !lengths.includes(length) || times.length === 0) continue;
      const { median } = measurements.find(({ name }) => name === form)!;
      const ratio = median / Math.min(...times.map(({ median }) => median));
      if (ratio > bound) exceeded++;
      console.log(
        `  ${form} beside ${beside}: ${ratio.toFixed(2)}${
          Number.isFinite(bound) ? `, bound ${bound}` : ""
        }${ratio > bound ? ": EXCEEDED" : ""}`,
      );
    }
  }
}
for (const { peer } of peers) await peer[Symbol.asyncDispose]();
// Workers of a backend must not keep the process.
Deno.exit(exceeded > 0 ? 1 : 0);
