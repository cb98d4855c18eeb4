/** What the linear transformers of the family cost beside each other. @module */
import { planDelta } from "../../lib/attention/planning/delta_kernel.ts";
import { planForm } from "../../lib/attention/planning/kernel.ts";
import { HEAD_DIM } from "../attention_problem.ts";
import { type Pass, PASSES } from "../../measure/tensors.ts";
import { type OpenGroup, startBackend } from "../group.ts";
import { openBesidePeers } from "../beside_peers.ts";
import { familyOperation, HEADS, type Member } from "../operations.ts";
import type { NamedPeer } from "../peers/torch.ts";
import type { ByPower, FigureMaker, Setting } from "./figure.ts";

const LENGTHS: ByPower<readonly number[]> = {
  gpu: [4096, 16_384],
  wasm: [1024, 4096],
  software: [256],
  cpu: [],
};

/** PyTorch's chunks, of which the fastest is timed. */
const CHUNKS = [32, 64, 128];

/** Who is measured, and what torch_peer.py calls it. */
const MODELS = {
  scalar: { member: "scalar", diagonal: false, delta: false },
  diagonal: { member: "gatedLinearAttention", diagonal: true, delta: false },
  "gated delta": { member: "gatedDeltaNet", diagonal: false, delta: true },
  "Kimi delta": { member: "kimiDeltaAttention", diagonal: true, delta: true },
} as const satisfies Readonly<
  Record<string, { member: Member; diagonal: boolean; delta: boolean }>
>;

type ModelName = keyof typeof MODELS;

/** Attention with kinds of decays and the delta rule. */
export const family: FigureMaker = {
  seconds: { gpu: 40, wasm: 60, software: 30, cpu: 0 },
  async measure(setting, collector) {
    const { info, threads, quick, power } = setting;
    await startBackend(info.name, threads);
    // Shaders of their gradients take minutes to compile in software.
    const passes = power === "software" ? PASSES.slice(0, 1) : PASSES;
    for (const length of quick ? [64] : LENGTHS[power]) {
      for (const pass of passes) {
        const place = { panel: pass, at: length };
        const models = (Object.keys(MODELS) as ModelName[]).filter((name) => {
          const why = whyNoKernel(name, length);
          if (why) collector.skip(place, name, why);
          return why === null;
        });
        const theirs = theirsOf(setting);
        const names = [
          ...models,
          // Nobody else's is there to compare with on a GPU.
          ...info.name === "webgpu"
            ? models.map((model) => `${model} in tfjs`)
            : [],
          ...Object.values(theirs).flat().map(({ name }) => name),
        ];
        await collector.measure(
          place,
          names,
          (names) => open(models, theirs, { names, length, pass }),
        );
      }
    }
    return { settings: { heads: HEADS, "columns of a head": HEAD_DIM } };
  },
};

type Theirs = Partial<Record<ModelName, NamedPeer[]>>;

/** PyTorch's scans. */
function theirsOf({ info, peers }: Setting): Theirs {
  if (info.name !== "wasm") return {};
  const [first, second] = peers.pools;
  return {
    diagonal: first?.named("PyTorch GLA") ?? [],
    "gated delta": second?.named("PyTorch gated delta rule") ?? [],
  };
}

async function open(
  models: readonly ModelName[],
  theirs: Theirs,
  { names, length, pass }: {
    names: readonly string[];
    length: number;
    pass: Pass;
  },
): Promise<OpenGroup> {
  const groups: OpenGroup[] = [];
  for (const model of models) {
    groups.push(
      await openBesidePeers(model, {
        ...{ names, pass, peers: theirs[model] ?? [] },
        operation: familyOperation(MODELS[model].member, length),
        choices: CHUNKS.map((chunk) => ({ form: model, chunk })),
      }),
    );
  }
  return {
    contenders: groups.flatMap(({ contenders }) => contenders),
    baseline: names[0]!,
    close: async () => {
      for (const { close } of groups) await close();
    },
  };
}

/** Why a model has no kernel on the current backend; `null` if it has one. */
function whyNoKernel(model: ModelName, length: number): string | null {
  const { diagonal, delta } = MODELS[model];
  const request = {
    ...{ batch: 1, heads: HEADS, length, chunkSize: undefined },
    ...{ headDim: HEAD_DIM, valueDim: HEAD_DIM, diagonal, causal: false },
  };
  const plan = delta ? planDelta(request) : planForm("chunkwise", {
    ...request,
    ...{ decays: true, normalize: false, precision: "f32" },
  });
  return "refusal" in plan ? plan.refusal : null;
}
