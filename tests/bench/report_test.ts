import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@lionjs/lion";
import {
  type Contender,
  groupOf,
  once,
  tensorContender,
} from "../../bench/group.ts";
import { ParityError } from "../../bench/measure/timing.ts";
import { Collector } from "../../bench/report/collector.ts";
import { crossingOf, tellCrossings } from "../../bench/report/crossings.ts";
import { measuring, type Setting } from "../../bench/report/figure.ts";
import { FIGURES } from "../../bench/report/figures.ts";
import { makeReport } from "../../bench/report/make_report.ts";
import { absentLines, reportPage, tellTime } from "../../bench/report/page.ts";
import { readKept } from "../../bench/measure/read_report.ts";
import { reachedByWork } from "../../bench/report/plots.ts";
import {
  FIGURE_NAMES,
  type FigureName,
  type MeasuredFigure,
  type Point,
} from "../../bench/measure/report_file.ts";
import { tellFigure } from "../../bench/report/tell_figure.ts";
import { allTables } from "../../bench/views.ts";
import { onWebGpu } from "../tfjs/webgpu/on_webgpu.ts";

/** A point of which only time and place matter. */
function point(series: string, at: number, median: number, spread = 0): Point {
  const time = {
    ...{ median, samples: 5 },
    p20: median * (1 - spread / 2),
    p80: median * (1 + spread / 2),
  };
  return {
    ...{ panel: "forward", series, at, time, memoryBytes: 1 },
    ...{ gpuMilliseconds: null, operations: null, bytes: null },
  };
}

Deno.test("what is not measured stands in a line for each backend, by reason", () => {
  const slow = "too slow there";
  assertEquals(
    absentLines({
      absent: [
        { name: "scan on cpu", why: slow },
        { name: "PyTorch", why: "there is no python3" },
        { name: "launches on cpu", why: "no WebGPU is called there" },
        { name: "steps on cpu", why: slow },
      ],
    }),
    [
      `- Not measured on cpu: scan and steps (${slow}); launches (no WebGPU is called there).`,
      "- Not measured: PyTorch (there is no python3).",
    ],
  );
});

Deno.test("crossingOf() finds where one curve passes another for good", () => {
  const quadratic = [1, 2, 4, 8].map((at) => point("softmax", at, at ** 2));
  const linear = [1, 2, 4, 8].map((at) => point("chunkwise", at, 3 * at));
  const all = [...quadratic, ...linear];
  const found = crossingOf(all, "forward", "chunkwise", "softmax")!;
  assertAlmostEquals(found.at, 3, 1e-9);
  const never = crossingOf(all, "forward", "softmax", "chunkwise")!;
  assertEquals([never.at, never.to], [Infinity, 8]);
  const always = crossingOf(
    [...quadratic, ...linear.map((one) => point("chunkwise", one.at, 0.1))],
    "forward",
    "chunkwise",
    "softmax",
  )!;
  assertEquals(always.at, 0);
  const gradients = all.map((one) => ({ ...one, panel: "gradients" }));
  const points = [...all, ...gradients.filter(({ at }) => at < 4)];
  const backend = "wasm";
  const measured = { backend, settings: {}, seconds: 0, gaps: [] } as const;
  assertEquals(tellCrossings({ ...measured, figure: "lengths", points }), [
    "chunkwise is faster than softmax: forward from about 3 tokens on; " +
    "gradients not up to 2 tokens, the longest.",
  ]);
  // Two places with steady times of both are the fewest.
  const unsteady = [1, 2, 4].map((at) => point("chunkwise", at, at, 0.6));
  assertEquals(
    crossingOf([...quadratic, ...unsteady], "forward", "chunkwise", "softmax"),
    undefined,
  );
});

Deno.test("tellTime() gives no number where the samples lie far apart", () => {
  assertEquals(tellTime(point("", 1, 10, 0.4).time!), "10.0 (8.00–12.0)");
  assertEquals(
    tellTime(point("", 1, 10, 0.6).time!),
    "unsteady, 7.00–13.0 (spread 60 %)",
  );
});

/** Someone who takes so many milliseconds by his own account. */
function contender(
  name: string,
  milliseconds: number,
  check: () => Promise<string | null> = () => Promise.resolve(null),
): Contender {
  return { name, check, run: () => Promise.resolve(milliseconds) };
}

Deno.test("a Collector leaves out who would take too long, or does not fit, and says why", async () => {
  const collector = new Collector(60, { fewest: 5, most: 5, warmUp: 0 });
  const open = (at: number) => (names: readonly string[]) =>
    Promise.resolve({
      contenders: names.map((name) =>
        name === "large"
          ? contender(name, 1, () => Promise.reject(new RangeError("4 GiB")))
          : contender(name, name === "slow" ? at ** 2 : at)
      ),
      baseline: names[0]!,
      close: () => Promise.resolve(),
    });
  const names = ["slow", "quick", "large"];
  for (const at of [10, 20, 40, 80]) {
    await collector.measure({ panel: "p", at }, names, open(at));
  }
  const places = (series: string) =>
    collector.points.filter((point) => point.series === series)
      .map(({ at }) => at);
  // A fifth of a minute allows eleven runs of 1.1 seconds each; at 40 it would be 1.6.
  assertEquals(places("slow"), [10, 20]);
  assertEquals(places("quick"), [10, 20, 40, 80]);
  assertEquals(places("large"), []);
  const [gap] = collector.gaps.filter(({ series }) => series === "slow");
  assertEquals(gap!.at, 40);
  assertStringIncludes(gap!.why, "a run would take about 1.6 s");
  const [large] = collector.gaps.filter(({ series }) => series === "large");
  assertEquals(large!.why, "4 GiB");
});

Deno.test("a Collector begins nothing when its time is over", async () => {
  const collector = new Collector(0, {});
  const open = () => Promise.reject(new Error("opened"));
  await collector.measure({ panel: "p", at: 1 }, ["one"], open);
  assertStringIncludes(collector.gaps[0]!.why, "used up");
});

Deno.test("a Collector throws for a wrong result, and closes its group", async () => {
  const collector = new Collector(60, {});
  let closed = false;
  const open = () =>
    Promise.resolve({
      contenders: [contender("one", 1, () => Promise.resolve("y differs"))],
      baseline: "one",
      close: () => {
        closed = true;
        return Promise.resolve();
      },
    });
  await assertRejects(
    () => collector.measure({ panel: "p", at: 1 }, ["one"], open),
    ParityError,
    "one: y differs",
  );
  assertEquals([closed, collector.points], [true, []]);
});

Deno.test("a Collector leaves out a peer that is wrong or throws, and measures the others", async () => {
  const collector = new Collector(60, { fewest: 1, most: 1, warmUp: 0 });
  const peer = (name: string, check: () => Promise<string | null>) => ({
    ...contender(name, 1, check),
    isPeer: true,
  });
  const names = ["ours", "wrong", "broken"];
  await collector.measure({ panel: "p", at: 1 }, names, () =>
    Promise.resolve({
      contenders: [
        contender("ours", 1),
        peer("wrong", () => Promise.resolve("y differs")),
        peer("broken", () => Promise.reject(new TypeError("no such thing"))),
      ],
      baseline: "ours",
      close: () => Promise.resolve(),
    }));
  assertEquals(collector.points.map(({ series }) => series), ["ours"]);
  assertEquals(collector.gaps.map(({ why }) => why), [
    "its result is wrong: y differs",
    "no such thing",
  ]);
});

/** A setting without peers. */
async function settingOf(
  given: Pick<Setting, "power" | "quick">,
): Promise<Setting> {
  const { backends: [backend] } = await readKept();
  const peers = { scan: null, pools: [], each: [], onnx: [], libraries: [] };
  return { info: backend!.info, threads: 1, peers, ...given };
}

Deno.test("measuring() takes the sizes of a backend, small ones first, and each pass", async () => {
  const opened: string[] = [];
  const measure = measuring({
    sizes: { gpu: [64], wasm: [1, 2], software: [], cpu: [] },
    quick: [8],
    passes: ["forward", "gradients"],
    subjects: ({ pass, skip }) => {
      if (pass === "forward") return ["one", "two"];
      skip("two", "it has no gradient");
      return ["one"];
    },
    open: ({ size, pass }, names) => {
      opened.push(`${size} ${pass} ${names}`);
      return Promise.resolve(groupOf(names.map((name) => contender(name, 1))));
    },
    settings: (_, sizes) => ({ sizes: sizes.join() }),
  });
  const measured = async (given: Pick<Setting, "power" | "quick">) => {
    const collector = new Collector(60, { fewest: 1, most: 1, warmUp: 0 });
    const made = await measure(await settingOf(given), collector);
    const { points, gaps } = collector;
    return {
      ...made,
      points: points.map(({ panel, series, at }) => [panel, series, at]),
      gaps: gaps.map(({ panel, series, at }) => [panel, series, at]),
    };
  };
  assertEquals(await measured({ power: "wasm", quick: false }), {
    settings: { sizes: "1,2" },
    points: [
      ...[["forward", "one", 1], ["forward", "two", 1], [
        "gradients",
        "one",
        1,
      ]],
      ...[["forward", "one", 2], ["forward", "two", 2], [
        "gradients",
        "one",
        2,
      ]],
    ],
    gaps: [["gradients", "two", 1], ["gradients", "two", 2]],
  });
  assertEquals(
    opened,
    [
      "1 forward one,two",
      "1 gradients one",
      "2 forward one,two",
      "2 gradients one",
    ],
  );
  const quick = await measured({ power: "wasm", quick: true });
  assertEquals(quick.settings, { sizes: "8" });
});

Deno.test("a figure has no time where a result of ours is wrong", async () => {
  const measure = measuring({
    ...{ sizes: [4], quick: [4], passes: ["forward"] },
    subjects: () => ["tensors"],
    open: (_, [name]) => {
      const compute = () => [tf.tensor1d([1, 2])];
      const check = once(([values]) =>
        values![1] === 3 ? null : `it is ${values![1]}`
      );
      return Promise.resolve(groupOf([tensorContender(name!, compute, check)]));
    },
    settings: () => ({}),
  });
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numTensors;
  const collector = new Collector(60, {});
  const setting = await settingOf({ power: "wasm", quick: false });
  await assertRejects(
    () => measure(setting, collector),
    ParityError,
    "forward, 4, tensors: it is 2",
  );
  assertEquals([collector.points, tf.memory().numTensors], [[], before]);
});

Deno.test("there is no report where a kernel is wrong", async () => {
  await useBackend({ prefer: ["wasm"] });
  const right = tf.getKernel("LionFull", "wasm")!;
  const replace = (kernel: tf.KernelConfig) => {
    tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
  };
  replace({
    ...right,
    // Keys where queries should be.
    kernelFunc: ({ inputs, ...call }) =>
      right.kernelFunc({ ...call, inputs: { ...inputs, q: inputs["k"]! } }),
  });
  try {
    await assertRejects(
      () =>
        makeReport({
          ...{ backends: ["wasm"], figures: [], threads: 2, quick: true },
          ...{ tell: () => {}, command: "" },
        }),
      ParityError,
      "full, LION-LIT, forward on wasm",
    );
  } finally {
    replace(right);
  }
});

/** The memory of a series at all its places in a panel, by place. */
function memoryOf(
  { points }: MeasuredFigure,
  panel: string,
  series: string,
): number[] {
  return points
    .filter((point) => point.panel === panel && point.series === series)
    .sort((a, b) => a.at - b.at)
    .map(({ memoryBytes }) => memoryBytes!);
}

Deno.test("a quick report: memory is what mathematics says, and the page has all figures", async (t) => {
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numTensors;
  const lines: string[] = [];
  const names = FIGURE_NAMES.filter((name) => FIGURES[name].seconds.wasm > 0);
  const report = await makeReport({
    backends: ["wasm"],
    figures: names,
    // Other files of tests run beside this one; the report above has two.
    threads: 1,
    quick: true,
    tell: (line) => lines.push(line),
    command: "deno task report --quick",
  });
  await useBackend({ prefer: ["wasm"] });
  assertEquals(tf.memory().numTensors, before);
  const figure = (name: FigureName) =>
    report.figures.find(({ figure }) => figure === name)!;

  await t.step("all that was compared is right", () => {
    assertEquals(report.parity.length, 24);
    for (const { error, tolerance } of report.parity) {
      assert(error <= tolerance);
    }
  });

  await t.step("each figure has points, with finite numbers", () => {
    assertEquals(report.figures.map(({ figure }) => figure), names);
    for (const { figure, points, kernels } of report.figures) {
      assert(figure === "kernels" ? kernels!.length > 0 : points.length > 0);
      for (const { time, memoryBytes, at } of points) {
        assert(at > 0 && (time === null || time.median > 0));
        assert(memoryBytes === null || memoryBytes > 0);
      }
    }
  });

  await t.step("attention's kernels have a share of the roof", () => {
    const { costs = [] } = figure("kernels");
    const names = ["LionChunkwise", "LionChunkwiseGrad"];
    assertEquals(costs.map(({ kernel }) => kernel), names);
    const [backend] = report.backends;
    for (const cost of costs) {
      const { share } = reachedByWork(cost, backend!);
      assert(share > 0 && Number.isFinite(share));
    }
  });

  await t.step("other libraries take part beside ours", () => {
    const series = new Set(figure("peers").points.map(({ series }) => series));
    assert(series.has("chunkwise") && series.has("Float32Array loop"));
    // Each is there, or it says why not.
    const absent = report.absent.map(({ name }) => name);
    for (const name of ["PyTorch", "ONNX Runtime", "jax-js"]) {
      const isThere = [...series].some((one) => one.startsWith(name));
      assertEquals(isThere, !absent.includes(name), name);
    }
  });

  await t.step("the recurrent form needs the least memory", () => {
    for (const variant of ["LION-LIT", "LION-D", "LION-S"]) {
      const [recurrent] = memoryOf(figure("forms"), variant, "recurrent");
      for (const form of ["full", "chunkwise", "blockwise"]) {
        const [other] = memoryOf(figure("forms"), variant, form);
        assertLess(recurrent!, other!, `${variant}, ${form}`);
      }
    }
  });

  await t.step(
    "memory is linear in chunks, and quadratic where scores are kept",
    () => {
      const growth = (series: string) => {
        const [a, b, c] = memoryOf(figure("lengths"), "forward", series);
        return (c! - b!) / (b! - a!);
      };
      // Of 64, 128 and 256 tokens: twice as much more, or four times.
      assertAlmostEquals(growth("chunkwise"), 2, 0.25);
      assertLess(2.5, growth("softmax in tfjs"));
    },
  );

  await t.step(
    "the recurrence remembers the same after any text, a KV cache more",
    () => {
      const of = (series: string) =>
        memoryOf(figure("tokens"), "next token", series);
      const [short, long] = of("LION-S, recurrence");
      assertEquals(short, long);
      const [few, many] = of("attention, KV cache");
      assertLess(few!, many!);
    },
  );

  await t.step("recomputing needs less memory", () => {
    const [kept, recomputed] = ["kept", "recomputed"].map((series) =>
      memoryOf(figure("recompute"), "ViT, training", series)
    );
    assertLess(recomputed![0]!, kept![0]!);
  });

  await t.step("a step is beside its kernels", () => {
    const series = figure("overhead").points.map(({ series }) => series);
    assertEquals(series, ["step", "step, not recorded", "its kernels"]);
  });

  await t.step("operations and models are those of the tables", () => {
    for (const table of [allTables(report)]) {
      for (const name of ["operations", "models", "large", "mixer"] as const) {
        for (const { panel } of figure(name).points) {
          assertStringIncludes(table, `| ${panel} `);
        }
      }
      for (const wrong of ["undefined", "NaN", "[object"]) {
        assert(!table.includes(wrong), wrong);
      }
    }
  });

  await t.step("the page is whole", async () => {
    const page = await reportPage(report);
    for (const name of names) {
      assertStringIncludes(page, `<h2>${FIGURES[name].title}</h2>`);
    }
    const text = page.replaceAll(/<script>[^]*?<\/script>/g, "");
    for (const wrong of ["undefined", "NaN", "[object"]) {
      assert(!text.includes(wrong), wrong);
    }
    // It is made of the JSON as well.
    const again = await reportPage(JSON.parse(JSON.stringify(report)));
    assertEquals(again.match(/<td/g)!.length, page.match(/<td/g)!.length);
  });
});

onWebGpu("a report tells what steps ask of WebGPU", async () => {
  const kept = await readKept();
  const { info } = kept.backends.find(({ name }) => name === "webgpu")!;
  const collector = new Collector(20, {});
  const setting = await settingOf({ power: "software", quick: true });
  const start = performance.now();
  const made = await FIGURES.launches.measure(
    { ...setting, info },
    collector,
  );
  const took = performance.now() - start;
  const { points } = collector;
  const [recorded, unrecorded] = made.asked!;
  const { milliseconds, pipelines } = recorded!.first!;
  assert(pipelines > 40 && milliseconds > 0 && milliseconds < took);
  assert(recorded!.submissions < unrecorded!.submissions);
  assertLess(recorded!.writes, 5);
  for (const { launches } of made.asked!) {
    assert(launches > 50 && launches < 150, `${launches} launches`);
  }
  // Both clocks of both.
  assertEquals(points.length, 4);
  for (const { time } of points) assert(time!.median > 0 && time!.samples > 4);
  const measured: MeasuredFigure = {
    ...{ figure: "launches", backend: "webgpu", seconds: 1 },
    ...{ ...made, points, gaps: [] },
  };
  const report = { ...kept, figures: [...kept.figures, measured] };
  const text = `${pipelines}`, launches = `${recorded!.launches}`;
  for (const tables of [allTables(report)]) {
    for (const cell of [text, launches]) {
      assertStringIncludes(tables, `| ${cell} `);
    }
    assert(!tables.includes("undefined") && !tables.includes("NaN"));
  }
  const page = await reportPage(report);
  assertStringIncludes(page, "What a step asks for (2)");
  assertStringIncludes(tellFigure(measured), `launches ${launches}`);
});
