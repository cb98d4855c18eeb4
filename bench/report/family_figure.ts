/** What the linear transformers of the family cost beside each other. @module */
import { PASSES } from "../attention_problem.ts";
import { openFamily, whyNoKernel } from "../family_group.ts";
import { type ModelName, MODELS } from "../family_problem.ts";
import { startBackend } from "../group.ts";
import type { ByPower, FigureMaker } from "./figure.ts";

const LENGTH: ByPower<number> = {
  gpu: 4096,
  wasm: 1024,
  software: 256,
  cpu: 128,
};

/** Attention with kinds of decays and the delta rule. */
export const family: FigureMaker = {
  seconds: { gpu: 20, wasm: 20, software: 20, cpu: 0 },
  async measure({ info, threads, quick, power }, collector) {
    const length = quick ? 64 : LENGTH[power];
    await startBackend(info.name, threads);
    // Shaders of their gradients take minutes to compile in software.
    const passes = power === "software" ? PASSES.slice(0, 1) : PASSES;
    for (const pass of passes) {
      const place = { panel: pass, at: length };
      const names = (Object.keys(MODELS) as ModelName[]).filter((name) => {
        const why = whyNoKernel(name, length);
        if (why) collector.skip(place, name, why);
        return why === null;
      });
      await collector.measure(place, names, (names) =>
        openFamily(
          pass,
          names.map((name) => ({ name, model: name as ModelName, length })),
        ));
    }
    return { settings: { heads: 4, "columns of a head": 64, tokens: length } };
  },
};
