/** How large the module of WebAssembly kernels is. @module */
import { brotliCompressSync } from "node:zlib";
import { unpacked } from "../../../lib/kernels/wasm/binary.ts";
import { RELAXED, STRICT } from "../../../lib/kernels/wasm/module.ts";
import type { FigureMaker } from "../figure.ts";
import { BEFORE, NOW, RELAXED_MODULE, STRICT_MODULE } from "./names.ts";

/** What current engines run, and what older ones do, in bytes after brotli. */
const MODULES = {
  [RELAXED_MODULE]: { binary: RELAXED, before: 30_998 },
  [STRICT_MODULE]: { binary: STRICT, before: 31_196 },
};

/** Both binaries, compressed. */
export const size: FigureMaker = {
  seconds: { gpu: 0, wasm: 5, software: 0, cpu: 0 },
  unfit: "its kernels are no module",
  async measure(_setting, collector) {
    for (const [panel, { binary, before }] of Object.entries(MODULES)) {
      const now = brotliCompressSync(await unpacked(binary)).length;
      for (
        const [series, bytes] of Object.entries({
          [NOW]: now,
          [BEFORE]: before,
        })
      ) {
        collector.points.push({
          ...{ panel, series, at: 1, time: null, memoryBytes: bytes },
          ...{ gpuMilliseconds: null, operations: null, bytes: null },
        });
      }
    }
    return { settings: { compression: "brotli" } };
  },
};
