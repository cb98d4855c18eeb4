/**
 * Compares linear transformers with our attention whose decay is one number a
 * token, and with PyTorch's scans on the CPU:
 * `deno task fast run -A bench/family.ts`, on a machine that is idle. With
 * `--webgpu` kernels there with the same in tfjs operations.
 *
 * Both directions, chunkwise, not normalised, 4 heads of 64 columns. All results
 * are checked before the first time of a line is taken; its contenders take
 * turns. Ends with 1 if a ratio is above its bound.
 *
 * @module
 */
import {
  positiveInteger,
  readCommandLine,
  threadCount,
} from "../tools/command_line.ts";
import { type Pass, PASSES } from "./attention_problem.ts";
import { Bounds, leastMedian, medianOf, tellTimes } from "./bounds.ts";
import { openFamily, whyNoKernel } from "./family_group.ts";
import type { ModelName } from "./family_problem.ts";
import { startBackend, timeChecked } from "./group.ts";
import { endPeers, type NamedPeer, startPeers } from "./peers/torch.ts";

const USAGE = `Usage: deno task fast run -A bench/family.ts [options]

  --webgpu          kernels of webgpu beside their plain forms, at 1024 tokens
  --length TOKENS   default 4096; growth is to four times as many
  --threads N       of wasm and of PyTorch (default: one for each core)
  --help            print this`;

/** What the others are compared with. */
const BASELINE: ModelName = "scalar";

interface Bound {
  readonly model: ModelName;
  /** Times the baseline that should not be exceeded. */
  readonly most: Readonly<Record<Pass, number>>;
  /** PyTorch's scan. */
  readonly torch?: string;
}

const BOUNDS: readonly Bound[] = [
  {
    model: "diagonal",
    most: { forward: 2, gradients: 2.5 },
    torch: "PyTorch GLA",
  },
  {
    model: "gated delta",
    most: { forward: 2.5, gradients: 3 },
    torch: "PyTorch gated delta rule",
  },
  { model: "Kimi delta", most: { forward: 4, gradients: 5 } },
];

/** Of our time to PyTorch's. */
const MOST_OF_TORCH = 0.6;

/** Of the time of four times as many tokens. */
const MOST_GROWTH = 4.3;

/** Of a kernel's time to that of its plain form. */
const MOST_OF_PLAIN = 1;

/** Without a GPU, plain forms take seconds beyond. */
const LENGTH_ON_WEBGPU = 1024;

const { webgpu, length, threads } = await readCommandLine(USAGE, {
  webgpu: { type: "boolean", default: false },
  length: { type: "string" },
  threads: { type: "string", default: String(navigator.hardwareConcurrency) },
}, ({ webgpu, length, threads }) => ({
  webgpu,
  length: length === undefined
    ? webgpu ? LENGTH_ON_WEBGPU : 4096
    : positiveInteger("--length", length),
  threads: threadCount("--threads", threads),
}));

const bounds = new Bounds();
const models = BOUNDS.map(({ model }) => model);
await startBackend(webgpu ? "webgpu" : "wasm", threads);
if (webgpu) {
  for (const model of models) await compareWithPlain(model);
} else {
  const scans = BOUNDS.flatMap(({ torch }) => torch ?? []);
  const peers = await startPeers(scans, threads);
  for (const pass of PASSES) await compareModels(pass, peers);
  await endPeers(peers);
  for (const pass of PASSES) await compareLengths(pass);
}
bounds.end();

/** Models beside the baseline and PyTorch. */
async function compareModels(pass: Pass, peers: NamedPeer[]): Promise<void> {
  const ours = [BASELINE, ...models]
    .map((model) => ({ name: model, model, length }));
  const theirs = BOUNDS.flatMap(({ model, torch }) =>
    peers.filter(({ name }) => torch && name.startsWith(torch))
      .map((peer) => ({ ...peer, model, length }))
  );
  const measurements = await timeChecked(await openFamily(pass, ours, theirs));
  tellTimes(`${length} tokens, ${pass}`, measurements);
  const baseline = medianOf(measurements, BASELINE);
  for (const { model, most, torch } of BOUNDS) {
    const median = medianOf(measurements, model);
    bounds.tell(`${model} beside ${BASELINE}`, median / baseline, most[pass]);
    const least = torch && leastMedian(measurements, torch);
    if (!least) continue;
    bounds.tell(`${model} beside ${torch}`, median / least, MOST_OF_TORCH);
  }
}

/** Models at the length and at four times as much. */
async function compareLengths(pass: Pass): Promise<void> {
  const lengths = [length, 4 * length];
  const nameOf = (model: ModelName, tokens: number) => `${model}, ${tokens}`;
  const ours = models.flatMap((model) =>
    lengths.map((length) => ({ name: nameOf(model, length), model, length }))
  );
  const measurements = await timeChecked(await openFamily(pass, ours));
  tellTimes(`growth, ${pass}`, measurements);
  for (const model of models) {
    const [short, long] = lengths.map((length) =>
      medianOf(measurements, nameOf(model, length))
    );
    bounds.tell(`growth of ${model}`, long! / short!, MOST_GROWTH);
  }
}

/** A kernel beside the same in tfjs operations. */
async function compareWithPlain(model: ModelName): Promise<void> {
  const why = whyNoKernel(model, length);
  if (why) {
    console.log(`${model}: there is no kernel to time: ${why}`);
    return;
  }
  const plain = `${model} in tfjs`;
  const ours = [
    { name: model, model, length },
    { name: plain, model, length, kernel: false },
  ];
  for (const pass of PASSES) {
    const measurements = await timeChecked(await openFamily(pass, ours));
    tellTimes(`${length} tokens, ${pass}`, measurements);
    const ratio = medianOf(measurements, model) / medianOf(measurements, plain);
    bounds.tell(`${model} beside ${plain}`, ratio, MOST_OF_PLAIN);
  }
}
