/** What V8's flags cost the code around attention. @module */
import {
  type AfterAttention,
  timesAfterAttention,
} from "../../after_attention.ts";
import { timeOf } from "../../../measure/timing.ts";
import type { FigureMaker } from "../figure.ts";
import { WITH_FLAGS, WITHOUT_FLAGS } from "./names.ts";

/** Functions of V8 and of TensorFlow.js after attention. */
export const flags: FigureMaker = {
  seconds: { gpu: 0, wasm: 30, software: 0, cpu: 0 },
  unfit: "there are no kernels of WebAssembly before the functions",
  async measure({ quick }, collector) {
    const { fast, plain } = await timesAfterAttention(quick ? 1 : undefined);
    const functions = Object.keys(fast[0]!) as (keyof AfterAttention)[];
    for (const name of functions) {
      const both = [[WITH_FLAGS, fast], [WITHOUT_FLAGS, plain]] as const;
      for (const [series, times] of both) {
        collector.points.push({
          ...{ panel: name, series, at: 1e6, memoryBytes: null },
          ...{ gpuMilliseconds: null, operations: null, bytes: null },
          time: timeOf(times.map((of) => of[name])),
        });
      }
    }
    return { settings: { "least times of": `${fast.length} processes` } };
  },
};
