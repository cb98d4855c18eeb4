import { assert, assertEquals } from "@std/assert";
import { readKept } from "../../bench/measure/read_report.ts";
import type { Point, Report } from "../../bench/measure/report_file.ts";
import { asRows, ofRows } from "../../bench/measure/report_rows.ts";
import { allTables, viewsOf } from "../../bench/views.ts";
import { jsonRows } from "../../tools/json_rows.ts";

Deno.test("documents say what the kept report says", async () => {
  for (const { file, is, shouldBe } of await viewsOf(await readKept())) {
    assertEquals(is, shouldBe, `\`deno task bench --views\` makes ${file}`);
  }
});

Deno.test("documents follow the report", async () => {
  const report = await readKept();
  // Twice as fast as PyTorch was measured.
  const faster = (point: Point): Point =>
    ["chunkwise", "scalar"].includes(point.series) && point.time
      ? {
        ...point,
        time: {
          ...point.time,
          median: point.time.median / 2,
          p20: point.time.p20 / 2,
          p80: point.time.p80 / 2,
        },
      }
      : point;
  const other: Report = {
    ...report,
    figures: report.figures.map((figure) => ({
      ...figure,
      points: figure.points.map(faster),
    })),
  };
  for (const { file, is, shouldBe } of await viewsOf(other)) {
    assert(is !== shouldBe, file);
  }
});

Deno.test("RESULTS.md has all points of all figures", async () => {
  const report = await readKept();
  const text = allTables(report);
  for (const { points } of report.figures) {
    for (const { time } of points) {
      if (time) assert(text.includes(time.p80.toPrecision(3)));
    }
  }
  for (const wrong of ["undefined", "NaN", "[object"]) {
    assert(!text.includes(wrong), wrong);
  }
});

Deno.test("a report comes back from its file, whose points are rows", async () => {
  const report = await readKept();
  const point = {
    ...{ panel: "a", series: "b", at: 3, time: null, gpuMilliseconds: 0 },
    ...{ memoryBytes: 4, operations: null, bytes: 5 },
  };
  const gap = { panel: "a", series: "c", at: 3, why: "no memory" };
  const first = { ...report.figures[0]!, points: [point], gaps: [gap] };
  const figures = [first, ...report.figures];
  const rows = asRows({ ...report, figures });
  const [{ points, gaps }] = rows.figures as [typeof rows.figures[0]];
  const place = (text: string) => rows.texts.indexOf(text);
  assertEquals(gaps, [[place("a"), place("c"), 3, place("no memory")]]);
  assertEquals(points, [[
    ...[place("a"), place("b"), 3, null, null, null, null],
    ...[0, 4, null, 5],
  ]]);
  assertEquals(rows.columns.length, 11);
  const read = JSON.parse(jsonRows(rows));
  assertEquals(ofRows(read), { ...report, figures });
  // The names of columns count, and not their order.
  const reversed = {
    ...read,
    columns: read.columns.toReversed(),
    figures: read.figures.map((figure: { points: unknown[][] }) => ({
      ...figure,
      points: figure.points.map((row) => row.toReversed()),
    })),
  };
  assertEquals(ofRows(reversed), { ...report, figures });
  // As files were before.
  assertEquals(ofRows(JSON.parse(JSON.stringify(report))), report);
});
