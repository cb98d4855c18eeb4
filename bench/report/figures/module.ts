/** What the WebAssembly modules cost: their bytes, and the code that runs after it. @module */
import { brotliCompressSync } from "node:zlib";
import { LION_MODULE } from "../../../lib/kernels/wasm/module.ts";
import { unpacked } from "../../../lib/tfjs/wasm/binary.ts";
import { MODULE } from "../../../lib/tfjs/wasm/module.ts";
import { timeOf } from "../../measure/timing.ts";
import {
  type AfterAttention,
  timesAfterAttention,
} from "../../after_attention.ts";
import type { Bound, Figure } from "../figure.ts";

/** Processes with the flags of `deno task fast`, and without. */
const WITH_FLAGS = "with flags", WITHOUT_FLAGS = "without";

/** Functions of V8 and of TensorFlow.js after attention. */
export const flags: Figure = {
  title: "After attention, with and without V8 flags",
  short: "code that runs after attention",
  about:
    `A million calls of V8's functions, and TensorFlow.js's square root of a million
numbers, right after attention, in processes with the flags of \`deno task fast\` and
without. Some processors run other code many times more slowly after vectors of 256
bits unless these are cleared. The time is each process's shortest.`,
  column: "calls",
  bounds: ["Math.exp", "Math.random", "sqrt"].map((panel): Bound => ({
    ...{ panel, at: [1e6], most: 1.1 },
    ...{ series: WITH_FLAGS, beside: WITHOUT_FLAGS },
  })),
  seconds: { gpu: 0, wasm: 30, software: 0, cpu: 0 },
  unfit: "V8's flags affect only WebAssembly",
  async measure({ quick }, collector) {
    const { fast, plain } = await timesAfterAttention(quick ? 1 : undefined);
    const both = [[WITH_FLAGS, fast], [WITHOUT_FLAGS, plain]] as const;
    for (const panel of Object.keys(fast[0]!) as (keyof AfterAttention)[]) {
      for (const [series, times] of both) {
        const time = timeOf(times.map((of) => of[panel]));
        collector.add({ panel, at: 1e6 }, series, { time });
      }
    }
    return { settings: { "least times of": `${fast.length} processes` } };
  },
};

/** What is loaded now, and what was before whole models were its concern. */
const NOW = "now", BEFORE = "in version 0.2.0";
/** Bytes of what was loaded then, after brotli: one module for each kind of engine. */
const BEFORE_BYTES = 30_998 + 31_196;
/** What current engines load, and what older ones do. */
const BINARIES = {
  "with relaxed SIMD": "relaxed",
  "without it": "strict",
} as const;

/** The binaries that an engine loads, compressed. */
export const size: Figure = {
  title: "The size of the module",
  short: "the module",
  about:
    `What an engine loads of WebAssembly kernels, after brotli, which compresses it best:
TensorFlow.js's kernels and LION's. It is compared with an earlier version, in which
each engine loaded the kernels for the other kind too.`,
  column: "module",
  bounds: Object.keys(BINARIES).map((panel): Bound => ({
    ...{ panel, at: [1], measure: "memory", most: 1 },
    ...{ series: NOW, beside: BEFORE },
  })),
  seconds: { gpu: 0, wasm: 5, software: 0, cpu: 0 },
  unfit: "only WebAssembly has a module",
  async measure(_setting, collector) {
    for (const [panel, binary] of Object.entries(BINARIES)) {
      const place = { panel, at: 1 };
      const bytes = await Promise.all(
        [MODULE, LION_MODULE].map(async (module) =>
          brotliCompressSync(await unpacked(await module[binary]())).length
        ),
      );
      const now = bytes.reduce((sum, size) => sum + size);
      collector.add(place, NOW, { memoryBytes: now });
      collector.add(place, BEFORE, { memoryBytes: BEFORE_BYTES });
    }
    return { settings: { compression: "brotli" } };
  },
};
