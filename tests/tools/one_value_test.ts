/**
 * One quantity has one value, wherever it is stated: what is written by hand in
 * documents and on the site agrees with the file that it comes from. Parts that
 * are made of the kept report are compared by `tests/bench/views_test.ts`, and
 * outputs of notebooks by running them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ratioIn } from "../../bench/bounds.ts";
import ranks from "../../bench/ranks.json" with { type: "json" };
import { readKept } from "../../bench/measure/read_report.ts";
import { readSafetensors } from "@lionjs/lion/io";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

const ROOT = new URL("../../", import.meta.url);

/** A file in one line, as sentences are broken anywhere. */
async function lineOf(path: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(path, ROOT));
  return text.replaceAll(/\s+/g, " ");
}

/** The numbers that a sentence of a file has in its groups. */
async function numbersIn(path: string, sentence: RegExp): Promise<number[]> {
  const line = await lineOf(path);
  const found = sentence.exec(line);
  assert(found, `${path} should say ${sentence}`);
  return found.slice(1)
    .map((digits) => Number(digits.replaceAll(",", "")));
}

Deno.test("README tells how much faster than PyTorch's scan the kept report is", async () => {
  const report = await readKept();
  const faster = ["forward", "gradients"].flatMap((panel) =>
    [1024, 4096].map((at) =>
      1 / ratioIn(report, {
        ...{ figure: "peers", panel, series: "chunkwise", beside: "PyTorch" },
      }, at)!
    )
  );
  const [stated] = await numbersIn(
    "README.md",
    /About ([\d.]+) times\*\* as fast/,
  );
  for (const times of faster) {
    assert(
      times > stated! / 1.3 && times < stated! * 1.3,
      `${times}, not ${stated}`,
    );
  }
});

Deno.test("documents tell the costs of decays alike", async () => {
  const attention = await numbersIn(
    "docs/attention.md",
    /per channel takes ([\d.]+) to ([\d.]+) times.* gated delta rule ([\d.]+) to [\d.]+ times.* to ([\d.]+) times/,
  );
  const [channels, most, delta, kimi] = attention;
  // "About one and a half times", "two to three times".
  await numbersIn("docs/choosing.md", /takes about one and a half times/);
  assert(channels! > 1.2 && most! < 1.8, `${channels} to ${most}`);
  await numbersIn("docs/choosing.md", /takes two to three times as long/);
  assert(delta! > 1.5 && kimi! < 3.5, `${delta} to ${kimi}`);
});

Deno.test("README, notes and results count the same pairs of the paper's models", async () => {
  const results = await numbersIn(
    "docs/results/compared_with_the_paper.md",
    /both measured (\d+) pairs: (\d+) are in the same order here and (\d+) in a different one; for (\d+)/,
  );
  const [all, same, other, untold] = results;
  assertEquals(same! + other! + untold!, all);
  assertEquals(
    await numbersIn(
      "README.md",
      /\*\*(\d+) of (\d+)\*\* pairs .* order in our small training runs, (\d+) in a different one, and (\d+) are not told apart/,
    ),
    [same, all, other, untold],
  );
  assertEquals(
    await numbersIn(
      "docs/results_notes.md",
      /(\d+) of the (\d+) pairs of models that the paper compares/,
    ),
    [untold, all],
  );
});

Deno.test("two ranks are as much faster as the kept measurement says", async () => {
  const time = (name: string) =>
    ranks.steps.find((step) => step.name === name)!.milliseconds;
  const kept = time("1 rank") / time("2 ranks, data");
  const [stated, least, most] = await numbersIn(
    "docs/cluster.md",
    /reach ([\d.]+) times the throughput of one \(([\d.]+) to ([\d.]+)\)/,
  );
  assert(stated! >= least! && stated! <= most!);
  assert(kept >= least! && kept <= most!, `${kept}`);
});

Deno.test("the table of ranks is the kept measurement", async () => {
  const cluster = await lineOf("docs/cluster.md");
  const names = {
    "1": "1 rank",
    "2, sharing the batch": "2 ranks, data",
    "4, sharing the batch": "4 ranks, data",
    "2, sharing the tokens": "2 ranks, sequence",
    "4, sharing the tokens": "4 ranks, sequence",
  };
  const stepOf = (name: string) =>
    ranks.steps.find((step) => step.name === name)!;
  const { milliseconds: one } = stepOf("1 rank");
  for (const [row, name] of Object.entries(names)) {
    const { milliseconds, p20, p80, messages } = stepOf(name);
    const cells = [
      row,
      `${milliseconds.toFixed()} (${p20.toFixed()} to ${p80.toFixed()})`,
      (one / milliseconds).toFixed(2),
      `${messages.count || "none"}`,
    ];
    assert(
      cluster.replaceAll(/ +/g, " ").includes(`| ${cells.join(" | ")} |`),
      `docs/cluster.md should have the row ${cells.join(" | ")}`,
    );
  }
});

Deno.test("the page to try names the sizes of its models", async () => {
  await tf.setBackend("cpu");
  const [digits] = await numbersIn(
    "site/index.html",
    /LION-S with ([\d,]+) weights reads/,
  );
  const [sentences] = await numbersIn(
    "site/index.html",
    /LION-S with ([\d,]+) weights was trained/,
  );
  for (
    const [stated, file] of [
      [digits!, "digits.safetensors"],
      [sentences!, "infilling.safetensors"],
    ] as const
  ) {
    const { tensors } = await readSafetensors(
      new URL(`site/weights/${file}`, ROOT).pathname,
    );
    const sizes = [...tensors]
      // In PyTorch's state these are there a second time under another name.
      .filter(([name]) => !name.startsWith("cls.predictions.decoder."))
      // Of weights in int8.
      .filter(([name]) => !name.endsWith(".scale"))
      .map(([, { size }]) => size);
    tf.dispose([...tensors.values()]);
    const count = sizes.reduce((sum, size) => sum + size, 0);
    assertEquals(Math.round(count / 1000), stated / 1000, file);
  }
});

Deno.test("notebook 10 shows the report that is kept", async () => {
  const { date } = await readKept();
  const notebook = await lineOf("notebooks/10_timings.ipynb");
  const shown = `the kept report, ${date.slice(0, 10)}`;
  assert(
    notebook.includes(shown),
    `notebook 10 should show ${shown}; out/report.json must not be there when it runs`,
  );
});
