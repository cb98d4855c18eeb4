/** Packages are made from data to card, by a command that can be stopped and continued. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lionEncoder, lionViT, setClassNames, useBackend } from "../../mod.ts";
import { byteTokenizer } from "../../lib/data/mod.ts";
import { savePretrained } from "../../lib/hub/mod.ts";
import { noticeText } from "../../tools/models/infilling/manuals.ts";
import { withFolder } from "../io/files.ts";

const MAIN = fileURLToPath(
  new URL("../../tools/models/main.ts", import.meta.url),
);

/** Runs the command; returns its exit code and what it says. */
async function models(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...args],
  }).output();
  const text = new TextDecoder();
  return { code, said: text.decode(stdout), failed: text.decode(stderr) };
}

Deno.test("deno task models goes through all stages of each recipe in seconds", async () => {
  const { code, said, failed } = await models("--smoke");
  assertEquals([code, code === 0 ? "" : failed], [0, ""]);
  for (
    const line of [
      "sudoku: 0 of 4 test puzzles are trained on",
      "sudoku: float32 after 3 steps, hard, 1: ",
      "sudoku: twin left to right, seed 1, 2 steps, hard, 1: ",
      "sudoku: card",
      "gaps: twin causal, seed 1, 2 steps: error ",
      "gaps: error on later parts of these series: ",
      "gaps: card",
      "languages: the table tells ",
      "languages: card",
      "punctuation: twin causal, seed 1, 1 steps: full stops ",
      "punctuation: card",
      "infilling: pack",
    ]
  ) assertStringIncludes(said, line);
  assertMatch(said, /infilling: [\d.]+ ± [\d.]+ bits per byte on 2 held-out/);
});

Deno.test("deno task models explains itself, and refuses what there is not", async () => {
  const { code, said } = await models("--help");
  assertEquals(code, 0);
  assertStringIncludes(said, "sudoku");
  for (const args of [["sudko"], ["sudoku", "--stages", "tarin"]]) {
    const { code, failed } = await models(...args);
    assertEquals(code, 2);
    assertMatch(failed, /did you mean|should be one of/);
  }
});

const SIZES = { variant: "s", dim: 8, depth: 1, numHeads: 2 } as const;
const TEXTS = { ...SIZES, vocabularySize: 261 };

/** Runs a program in a folder, with this repository's packages. */
async function run(folder: string, program: string): Promise<string> {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const path = `${folder}/use.ts`;
  await Deno.writeTextFile(path, program);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--check", "--config", config, path],
  }).output();
  const text = new TextDecoder();
  return text.decode(stdout) || text.decode(stderr);
}

Deno.test("deno task models new makes a package of a classifier of texts", async () => {
  await withFolder(async (folder) => {
    await useBackend({ prefer: ["cpu"] });
    const model = lionEncoder({ ...TEXTS, numClasses: 2, seed: 1 });
    setClassNames(model, ["bad", "good"]);
    const from = `${folder}/reviews_model`;
    await savePretrained(from, { model, tokenizer: byteTokenizer() });
    model.dispose();
    const output = `${folder}/reviews`;
    const about = ["--about", "Tells reviews apart."];
    const { code, failed } = await models(
      ...["new", "@me/reviews", "--from", from, "--output", output, ...about],
    );
    assertEquals([code, code === 0 ? "" : failed], [0, ""]);
    const manifest = JSON.parse(
      await Deno.readTextFile(`${output}/package.json`),
    );
    assertEquals(manifest.name, "@me/reviews");
    for (const file of manifest.files) await Deno.stat(`${output}/${file}`);
    const readme = await Deno.readTextFile(`${output}/README.md`);
    assertStringIncludes(readme, "Tells reviews apart.");
    assertStringIncludes(readme, "It tells texts apart: bad, good.");
    const said = await run(
      folder,
      `import own, { classify, type ClassName } from "./reviews/mod.js";
import { fromPretrained } from "@lionjs/lion/hub";

const [best] = await classify("A fine book.");
const label: ClassName = best!.label;
const several = await classify(["A fine book.", "Dull."], { top: 1 });
const { model } = await fromPretrained(own);
console.log(
  label === several[0]![0]!.label,
  several.map((one) => one.length),
  model.countParams(),
);
Deno.exit();`,
    );
    assertMatch(said, /^true \[ 1, 1 \] \d+/m);
    const again = await models("new", "b", "--from", from, "--output", output);
    assertEquals(again.code, 2);
    assertStringIncludes(again.failed, "--output should be an empty folder");
  });
});

Deno.test("deno task models new says what a package cannot be made of", async () => {
  await withFolder(async (folder) => {
    await useBackend({ prefer: ["cpu"] });
    const sizes = { ...SIZES, imageSize: 4, patchSize: 2 };
    const picture = lionViT({ ...sizes, numClasses: 2, seed: 1 });
    await savePretrained(`${folder}/unnamed`, { model: picture });
    const text = lionEncoder({ ...TEXTS, numClasses: 2, seed: 1 });
    setClassNames(text, ["bad", "good"]);
    await savePretrained(`${folder}/untold`, { model: text });
    const numbers = lionEncoder({ ...SIZES, inputDim: 2, numClasses: 2 });
    setClassNames(numbers, ["low", "high"]);
    await savePretrained(`${folder}/numbers`, { model: numbers });
    [picture, text, numbers].forEach((model) => model.dispose());
    const cases = [
      [["new"], "new needs the package's NAME"],
      [["new", "a"], "new needs --from"],
      [["new", "A b", "--from", "unnamed"], "NAME should be a name on npm"],
      [["new", "a", "--from", "none"], "fromPretrained's first argument"],
      [["new", "a", "--from", "unnamed"], "whose classes have names"],
      [["new", "a", "--from", "untold"], "the tokenizer of its texts"],
      [["new", "a", "--from", "numbers"], "a classifier of texts or pictures"],
    ] as const;
    for (const [args, message] of cases) {
      const own = args.map((word, at) =>
        args[at - 1 as 0] === "--from" as string ? `${folder}/${word}` : word
      );
      const { code, failed } = await models(
        ...own,
        ...["--output", `${folder}/out`],
      );
      assertEquals(code, 2, failed);
      assertStringIncludes(failed, message);
    }
  });
});

Deno.test("a notice has all but where its sources were taken from", () => {
  const stanza = "Files: *\nCopyright: 2020, A. Person\nLicense: MIT\n text\n";
  const head = "Format: 1.0\nUpstream-Name: X\n";
  const source = "Source: https://x.example/\n https://y.example/x\n";
  assertEquals(
    noticeText(`${head}${source}Comment: more\n\n${stanza}`),
    `${head}Comment: more\n\n${stanza}`,
  );
  assertEquals(noticeText(stanza), stanza);
});
