/** The package of Sudokus as it is: what it answers, and whether its card tells the truth. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import config from "../../../models/sudoku/config.json" with { type: "json" };
import manifest from "../../../models/sudoku/deno.json" with { type: "json" };
import sudoku, { solve } from "../../../models/sudoku/mod.ts";
import { solutionOf } from "../../../models/sudoku/puzzles/mod.ts";
import { sha256Of } from "../../../lib/base/files.ts";
import { fromPretrained } from "../../../lib/hub/mod.ts";
import { useBackend } from "../../../mod.ts";
import root from "../../../deno.json" with { type: "json" };
import {
  allCards,
  type Card,
  readmeOf,
  withPackages,
} from "../../../tools/models/card.ts";

const FOLDER = new URL("../../../models/sudoku/", import.meta.url);

const DOCUMENT = new URL("../../../docs/pretrained.md", import.meta.url);

/** A text without what aligns columns. */
const cellsOf = (text: string) => text.replaceAll(/[-: ]+/g, " ");

/** A well-known puzzle, and four drawn ones; naked singles solve all of them. */
const PUZZLES = [
  "530070000600195000098000060800060003400803001700020006060000280000419005000080079",
  "000200009086004010309008000004080007098702350007030406900050000410027068073000000",
  "700950124005000080409120007001097000007000018503800706004000630002640870800030042",
  "042000038739024006080371009020956003000030000006000005504090087203007000078640001",
  "415300800000604017000000043580109000726400000040000075004902038802051400000803001",
];

const card: Card = JSON.parse(
  await Deno.readTextFile(new URL("card.json", FOLDER)),
);

Deno.test("the package answers five puzzles as backtracking does, and keeps clues", async () => {
  await useBackend({ prefer: ["wasm"] });
  const answers = await solve(PUZZLES);
  assertEquals(
    answers,
    PUZZLES.map((puzzle) => solutionOf([...puzzle].map(Number))!.join("")),
  );
  // With dots, and with the digits that cannot be right left out.
  const [puzzle] = PUZZLES;
  assertEquals(
    await solve([puzzle!.replaceAll("0", ".")], { check: true }),
    answers.slice(0, 1),
  );
  const steps: number[] = [];
  await solve([puzzle!], {
    steps: 3,
    onStep: ({ step }) => void steps.push(step),
  });
  assertEquals(steps, [0, 1, 2]);
  // A puzzle that cannot be solved gets an answer all the same.
  const [wrong] = await solve([`55${"0".repeat(79)}`], { check: true });
  assert(/^55[1-9]{79}$/.test(wrong!));
  assertEquals(await solve([]), []);
  await assertRejects(() => solve(["5"]), RangeError, "which has 1");
  await assertRejects(
    () => solve(puzzle as unknown as string[]),
    TypeError,
    "an array of strings",
  );
});

Deno.test("fromPretrained() loads the package, whose answers leave no tensor", async () => {
  await useBackend({ prefer: ["wasm"] });
  await solve(PUZZLES.slice(0, 1));
  const before = tf.memory().numTensors;
  await solve(PUZZLES.slice(0, 1));
  assertEquals(tf.memory().numTensors, before);
  const { model, config, weights } = await fromPretrained(sudoku);
  assertEquals([weights.initial, weights.unused], [[], []]);
  assertEquals(model.countParams(), card.model.parameters);
  assertEquals((config as { task?: string }).task, sudoku.task);
  model.dispose();
});

Deno.test("the card is of these files, and the README of the card", async () => {
  const weights = await Deno.readFile(new URL("model.safetensors", FOLDER));
  assertEquals(card.weights.sha256, sha256Of(weights));
  assertEquals(card.weights.bytes, weights.length);
  assertAlmostEquals(
    card.weights.ofFloat32,
    weights.length / (4 * card.model.parameters),
    1e-12,
  );
  assertEquals(card.model.options, config.options);
  assertEquals(manifest.version, root.version);
  const readme = await Deno.readTextFile(new URL("README.md", FOLDER));
  assertEquals(readme, readmeOf(card));
  const document = await Deno.readTextFile(DOCUMENT);
  assertEquals(
    cellsOf(document),
    cellsOf(withPackages(document, await allCards())),
  );
  // What was reached is what the tables say.
  const [first] = card.tables;
  for (const { what, reached } of card.bars.slice(0, 4)) {
    const { solved, of } = first!.rows[0]!.shares[what.split(" ")[0]!]!;
    assertEquals(reached, solved / of);
  }
});
