/**
 * Compares the forms with each other and the full one with PyTorch's:
 * `deno task fast run -A bench/forms.ts`, on a machine that is idle.
 *
 * All results are checked before the first time is taken; the contenders of a
 * line take turns. Ends with 1 if a ratio is above its bound.
 *
 * @module
 */
import {
  positiveInteger,
  readCommandLine,
  threadCount,
} from "../tools/command_line.ts";
import { attentionGroup, type TorchFull } from "./attention.ts";
import { type Pass, PASSES } from "./attention_problem.ts";
import { Bounds, leastMedian, medianOf, tellTimes } from "./bounds.ts";
import { timeChecked } from "./group.ts";
import type { Measurement } from "./measure.ts";
import { endPeers, startPeers } from "./peers/torch.ts";

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

const { lengths, threads } = await readCommandLine(USAGE, {
  lengths: { type: "string", default: "256,1024,4096" },
  threads: { type: "string", default: String(navigator.hardwareConcurrency) },
}, ({ lengths, threads }) => ({
  lengths: lengths.split(",").map((text) => positiveInteger("--lengths", text)),
  threads: threadCount("--threads", threads),
}));

const peers = (await startPeers([AUTHORS, LEAN], threads)).map(
  (peer): TorchFull => ({ ...peer, masks: peer.name.startsWith(LEAN) ? 1 : 2 }),
);

/** All contenders of one problem. */
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
  return await timeChecked(await open());
}

const bounds = new Bounds();
for (const length of lengths) {
  for (const pass of PASSES) {
    const measurements = await measure(length, pass);
    tellTimes(`${length} tokens, ${pass}`, measurements);
    for (const { form, beside, lengths, most } of BOUNDS) {
      const bound = most[pass];
      const least = leastMedian(measurements, beside);
      if (!bound || !lengths.includes(length) || least === undefined) continue;
      const ratio = medianOf(measurements, form) / least;
      bounds.tell(`${form} beside ${beside}`, ratio, bound);
    }
  }
}
await endPeers(peers);
bounds.end();
