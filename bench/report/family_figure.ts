/** What the linear transformers of the family cost beside each other. @module */
import { PASSES } from "../attention_problem.ts";
import { openFamily, type Theirs, whyNoKernel } from "../family_group.ts";
import { type ModelName, MODELS } from "../family_problem.ts";
import { startBackend } from "../group.ts";
import type { ByPower, FigureMaker, Setting } from "./figure.ts";

const LENGTHS: ByPower<readonly number[]> = {
  gpu: [4096, 16_384],
  wasm: [1024, 4096],
  software: [256],
  cpu: [],
};

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
        const ours = [
          ...models.map((model) => ({ name: model as string, model, length })),
          // Nobody else's is there to compare with on a GPU.
          ...info.name === "webgpu"
            ? models.map((model) => ({
              ...{ name: `${model} in tfjs`, model, length, kernel: false },
            }))
            : [],
        ];
        const theirs = theirsOf(setting, length);
        await collector.measure(
          place,
          [...ours, ...theirs].map(({ name }) => name),
          (names) => {
            const isIn = ({ name }: { name: string }) => names.includes(name);
            return openFamily(pass, ours.filter(isIn), theirs.filter(isIn));
          },
        );
      }
    }
    return { settings: { heads: 4, "columns of a head": 64 } };
  },
};

/** PyTorch's scans. */
function theirsOf({ info, peers }: Setting, length: number): Theirs[] {
  if (info.name !== "wasm") return [];
  const [first, second] = peers.pools;
  return [
    ...(first?.named("PyTorch GLA") ?? [])
      .map((peer) => ({ ...peer, model: "diagonal" as const, length })),
    ...(second?.named("PyTorch gated delta rule") ?? [])
      .map((peer) => ({ ...peer, model: "gated delta" as const, length })),
  ];
}
