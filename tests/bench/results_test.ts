import { assert, assertEquals } from "@std/assert";
import type { Figures, Row } from "../../bench/figures.ts";
import { resultsOf } from "../../bench/results.ts";

const MEASURED: Row = {
  name: "chunkwise",
  median: 20,
  p20: 18,
  p80: 22,
  samples: 15,
  ratio: 0.5,
  gflops: 5,
  cost: { operations: 1e8, bytes: 1e6, peakBytes: 2 ** 20 },
  usage: {
    bytesBefore: 2 ** 20,
    peakBytes: 2 ** 21,
    kernels: 7,
    gpuMilliseconds: null,
  },
  how: null,
};

const FIGURES: Figures = {
  command: "deno task bench --json",
  date: "2026-01-02T03:04:05.000Z",
  seconds: 60,
  machine: {
    cpu: "A CPU",
    cores: 2,
    memoryBytes: 2 ** 33,
    system: "linux",
    deno: "2.0.0",
    v8Flags: null,
    tfjs: "4.22.0",
    torch: null,
    threads: 2,
  },
  backends: [{
    name: "wasm",
    adapter: null,
    operationsPerSecond: 1e10,
    bytesPerSecond: 1e10,
  }],
  groups: [{
    section: "attention",
    backend: "wasm",
    parameters: { pass: "forward", length: 1024 },
    baseline: "full",
    rows: [MEASURED, {
      ...MEASURED,
      name: "PyTorch",
      median: 80,
      ratio: 2,
      usage: null,
    }],
  }],
};

Deno.test("resultsOf() gives machine, command and a table with floors", () => {
  const lines = resultsOf([FIGURES], "What is missing.").split("\n");
  assert(lines.includes("## A CPU, 2 threads"));
  assert(
    lines.includes(
      "- `deno task bench --json`, 2026-01-02T03:04:05.000Z, 60 s",
    ),
  );
  // 1e8 operations at 1e10 a second are 10 ms, half of 20 ms.
  assert(lines.includes(
    "| wasm | forward | 1024 | chunkwise | 20.0 | 18.0–22.0 | 15 | 5.00 | 0.50 | 0.25 | 2.0 | 1.0 | 7 | 10.0 | 50 % |",
  ));
  assert(lines.includes(
    "| wasm | forward | 1024 | PyTorch | 80.0 | 18.0–22.0 | 15 | 5.00 | 2.00 | 1.00 |  | 1.0 |  |  |  |",
  ));
});

Deno.test("resultsOf() leaves out sections without figures", () => {
  const titles = resultsOf([FIGURES], "What is missing.").split("\n").filter((
    line,
  ) => line.startsWith("### "));
  assertEquals(titles, ["### Attention"]);
});
