import { assertEquals, assertRejects } from "@std/assert";
import { useBackend } from "@lionjs/lion";
import { startPools, TorchPeer } from "../../bench/peers/torch.ts";
import { Collector } from "../../bench/report/collector.ts";
import type { Setting } from "../../bench/report/figure.ts";
import { FIGURES } from "../../bench/report/figures.ts";
import { findPython } from "../../tools/notebooks/jupyter.ts";

Deno.test({
  name: "PyTorch computes the same operations, models and mixer",
  ignore: await findPython("torch") === undefined,
  fn: async () => {
    const info = await useBackend({ prefer: ["wasm"], threads: 2 });
    await using peer = await TorchPeer.start(2, "both");
    // What it cannot do is an error here, and not the end of the process.
    await assertRejects(
      () =>
        peer!.prepare({
          ...{ work: "operation", options: { name: "none" }, tensors: [] },
        }),
      Error,
      "KeyError",
    );
    const setting: Setting = {
      ...{ info, threads: 2, quick: true, power: "wasm" },
      peers: {
        ...{ scan: null, pools: [], onnx: [], libraries: [] },
        each: [{ name: "both", peer: peer! }],
      },
    };
    for (const name of ["operations", "models", "large", "mixer"] as const) {
      const budget = { milliseconds: 0, fewest: 1, most: 1, warmUp: 0 };
      const collector = new Collector(600, budget);
      await FIGURES[name].measure(setting, collector);
      // A wrong result is a gap.
      assertEquals(collector.gaps, [], name);
      const panels = Map.groupBy(collector.points, ({ panel }) => panel);
      for (const [panel, points] of panels) {
        const series = points.map(({ series }) => series);
        assertEquals(series, ["lion", "PyTorch"], panel);
      }
    }
  },
});

Deno.test({
  name: "PyTorch's scans in chunks compute the same as the family",
  ignore: await findPython("torch") === undefined,
  fn: async () => {
    const info = await useBackend({ prefer: ["wasm"], threads: 2 });
    const started = [];
    for (let i = 0; i < 3; i++) started.push(await startPools(1, ["OpenBLAS"]));
    const setting: Setting = {
      ...{ info, threads: 2, quick: true, power: "wasm" },
      peers: { scan: null, pools: started, each: [], onnx: [], libraries: [] },
    };
    for (const name of ["family", "newer"] as const) {
      const budget = { milliseconds: 0, fewest: 1, most: 1, warmUp: 0 };
      const collector = new Collector(600, budget);
      await FIGURES[name].measure(setting, collector);
      // Some members have no kernel; PyTorch's gaps are wrong results.
      const gaps = collector.gaps.filter(({ series }) =>
        series.startsWith("PyTorch")
      );
      assertEquals(gaps, [], name);
      const timed = collector.points.filter(({ series }) =>
        series.startsWith("PyTorch")
      );
      assertEquals(timed.length, name === "family" ? 4 : 6);
    }
    for (const pools of started) await pools[Symbol.asyncDispose]();
  },
});
