/** What the page makes of a visitor's files. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { classesOfPaths } from "../../site/own_data/classes_of_paths.ts";
import { exampleReviews } from "../../site/own_data/examples.ts";
import { heldOut } from "../../site/own_data/held_out.ts";
import { sortFiles } from "../../site/own_data/sorted_files.ts";
import { describeTable, readTable } from "../../site/own_data/table.ts";

Deno.test("a picture's class is the first folder that not all of them share", () => {
  const cases: [string[], (string | undefined)[]][] = [
    [["pets/cats/1.png", "pets/dogs/1.png"], ["cats", "dogs"]],
    // The classes themselves were dropped.
    [["cats/1.png", "dogs/1.png"], ["cats", "dogs"]],
    [["a/b/cats/old/1.png", "a/b/dogs/2.png"], ["cats", "dogs"]],
    [["pets/cats/1.png", "pets/dogs/1.png", "pets/2.png"], [
      ...["cats", "dogs", undefined],
    ]],
    [["pets/1.png", "pets/2.png"], [undefined, undefined]],
    [["1.png"], [undefined]],
    [[], []],
  ];
  for (const [paths, classes] of cases) {
    assertEquals(classesOfPaths(paths), classes);
  }
});

Deno.test("a fifth of each class is held out, and equal examples stay together", () => {
  const examples = Array.from({ length: 100 }, (_, i) => ({
    label: i < 80 ? 0 : i < 99 ? 1 : 2,
    // Of class 0, each twice.
    key: i < 80 ? `same ${i % 40}` : `${i}`,
  }));
  const held = heldOut(examples);
  const counts = [0, 1, 2].map((label) =>
    examples.filter((one, i) => one.label === label && held[i]).length
  );
  assertEquals(counts, [16, 4, 0]);
  for (let i = 0; i < 40; i++) assertEquals(held[i], held[i + 40]);
  assertEquals(heldOut(examples), held);
  // Both of a class of two are needed.
  const two = heldOut([{ label: 0, key: "a" }, { label: 0, key: "b" }]);
  assertEquals(two.filter(Boolean).length, 1);
  assertEquals(heldOut([]), []);
});

Deno.test("files are a table, or pictures of classes, or named as neither", () => {
  const named = (path: string, type = "") => ({
    path,
    file: new File([""], path.split("/").at(-1)!, { type }),
  });
  const table = sortFiles([named("texts.TSV")]);
  assertEquals("table" in table && table.table.name, "texts.TSV");
  const pictures = sortFiles([
    ...[named("x/a/1.JPG"), named("x/b/2.gif", "image/gif")],
    ...[named("x/b/Thumbs.db"), named("x/texts.csv"), named("x/3.png")],
  ]);
  assertEquals(
    "pictures" in pictures &&
      pictures.pictures.map(({ path, className }) => [path, className]),
    [["x/a/1.JPG", "a"], ["x/b/2.gif", "b"]],
  );
  assertEquals("passed" in pictures && pictures.passed, [
    { name: "x/b/Thumbs.db", reason: "not a picture" },
    { name: "x/texts.csv", reason: "not a picture" },
    { name: "x/3.png", reason: "not in the folder of a class" },
  ]);
  assertThrows(() => sortFiles([named("x/1.png")]), Error, "for each class");
  assertThrows(() => sortFiles([named("a.pdf")]), Error, "1 other");
  assertThrows(() => sortFiles([]), Error, "0 other");
});

Deno.test("a table's separator and its columns are found", async () => {
  for (const separator of [",", ";", "\t"]) {
    const text = [["n", "words", "kind"], ["1", '"a, b; c"', "x"], ["2"], [
      ...["3", "a longer one", "y"],
    ]].map((row) => row.join(separator)).join("\r\n");
    const table = await readTable(new File([text], "t.csv"));
    const { columns, rows, guess, passed } = describeTable(table);
    assertEquals([columns, rows], [["n", "words", "kind"], 2]);
    assertEquals(guess.text, "words");
    assertEquals(passed.map(({ name }) => name), ["t.csv:3"]);
    assertEquals(table.rows[0]!["words"], "a, b; c");
  }
});

Deno.test("JSON Lines are a table of what is no list and no object", async () => {
  const values = [
    { text: "It purrs.", label: 1, more: [1] },
    { text: "It barks.", label: 0, other: null },
    ["no row"],
    { text: "It meows.", label: 1, other: true },
  ];
  const text = values.map((value) => JSON.stringify(value)).join("\n");
  const table = await readTable(new File([text], "t.jsonl"));
  assertEquals(describeTable(table), {
    columns: ["text", "label", "other"],
    rows: 3,
    guess: { text: "text", label: "label" },
    passed: [{ name: "value 3 of t.jsonl", reason: "not an object" }],
  });
  assertEquals(table.rows[0], { text: "It purrs.", label: "1" });
  await assertRejects(
    () => readTable(new File(['{"a": 1}\n{'], "t.ndjson")),
    SyntaxError,
    "t.ndjson:2",
  );
});

Deno.test("the example of reviews has as many in praise as in blame, all different", async () => {
  const { file } = exampleReviews()[0]!;
  const { rows, passed } = await readTable(file);
  assertEquals(passed, []);
  const texts = rows.map(({ review }) => review);
  assertEquals(new Set(texts).size, texts.length);
  const count = (opinion: string) =>
    rows.filter((row) => row["opinion"] === opinion).length;
  assertEquals([count("praise"), count("blame")], [76, 76]);
});
