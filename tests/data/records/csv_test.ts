import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { csvRows, memoryBytes } from "../../../lib/data/mod.ts";
import type { CsvOptions } from "../../../lib/data/records/csv.ts";
import {
  CsvParser,
  type CsvRow,
} from "../../../lib/data/records/csv_parser.ts";
import { withPython } from "../python.ts";

const bytesOf = (text: string, name = "table.csv") =>
  memoryBytes(new TextEncoder().encode(text), name);

const rowsOf = async (
  text: string,
  options: CsvOptions = {},
  name?: string,
) => {
  const table = await csvRows(bytesOf(text, name), options);
  return Array.from({ length: table.size }, (_, i) => table.get(i));
};

const FIELD = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(..."a,;\t\"'\n\r é\u2028🦁") }),
);

/** What a simple writer makes of rows. */
function written(rows: string[][], delimiter: string, end: string): string {
  const quoted = (field: string) =>
    field === "" || /[",;\t\r\n]/.test(field)
      ? `"${field.replaceAll('"', '""')}"`
      : field;
  return rows.map((row) => row.map(quoted).join(delimiter)).join(end);
}

Deno.test("CSV that was written is read as it was, in any parts", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }).chain((columns) =>
        fc.array(fc.array(FIELD, { minLength: columns, maxLength: columns }), {
          minLength: 1,
          maxLength: 5,
        })
      ),
      fc.constantFrom(",", ";", "\t"),
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.boolean(),
      fc.integer({ min: 1, max: 9 }),
      (rows, delimiter, end, isEnded, length) => {
        const text = written(rows, delimiter, end) + (isEnded ? end : "");
        const parser = new CsvParser(delimiter, true);
        const found: string[][] = [];
        for (let at = 0; at < text.length; at += length) {
          const part = text.slice(at, at + length);
          for (const { fields, wrong } of parser.rows(part, false)) {
            assertEquals(wrong, undefined);
            found.push([...fields]);
          }
        }
        for (const { fields } of parser.rows("", true)) found.push([...fields]);
        assertEquals(found, rows);
      },
    ),
    { numRuns: 500 },
  );
});

/** The rows of a text that comes in parts of some lengths, by turns. */
function rowsIn(text: string, quote: boolean, lengths: readonly number[]) {
  const parser = new CsvParser(",", quote);
  const rows: CsvRow[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const end = at + lengths[i % lengths.length]!;
    rows.push(...parser.rows(text.slice(at, end), false));
    at = end;
  }
  return [...rows, ...parser.rows("", true)];
}

Deno.test("rows are the same in whatever parts a text comes, right or wrong", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(...'""",,\n\r\r\na é🦁', "\r\n", '""'),
        maxLength: 30,
      }),
      fc.boolean(),
      fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 9 }),
      (text, quote, lengths) => {
        const whole = rowsIn(text, quote, [Infinity]);
        assertEquals(rowsIn(text, quote, [...lengths, 1]), whole);
        // The line of each row, by the definition of lines.
        for (const { line, fields } of whole) {
          const lines = text.split(/\r\n|\r|\n/);
          const [first] = lines[line - 1]!.split(",");
          if (!first!.includes('"')) assertEquals(fields[0], first);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

const BESIDE_PYTHON = `
import csv, io, json, random
random.seed(1)
def rows(text, **options):
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, **options) if row]
    except csv.Error:
        return None
texts = ["".join(random.choice('""",,\\n\\r a') for _ in range(random.randrange(25))) for _ in range(20000)]
json.dump([[text, rows(text), rows(text, quoting=csv.QUOTE_NONE)] for text in texts], open("texts.json", "w"))
`;

await withPython(
  "CSV in any parts has the rows that Python's csv finds",
  { modules: ["csv"], program: BESIDE_PYTHON },
  async (folder) => {
    const texts: [string, string[][] | null, string[][] | null][] = JSON.parse(
      await Deno.readTextFile(`${folder}/texts.json`),
    );
    const counts = { right: 0, wrong: 0 };
    for (const [i, [text, quoted, plain]] of texts.entries()) {
      const lengths = [1 + i % 3, 1 + i % 5, 1 + i % 7];
      const found = rowsIn(text, true, lengths);
      const isWrong = found.some(({ wrong }) => wrong !== undefined);
      assertEquals(isWrong, quoted === null, JSON.stringify(text));
      counts[isWrong ? "wrong" : "right"]++;
      if (!isWrong) assertEquals(found.map(({ fields }) => fields), quoted);
      assertEquals(
        rowsIn(text, false, lengths).map(({ fields }) => fields),
        plain,
      );
    }
    assert(Math.min(counts.right, counts.wrong) > 3000);
  },
);

const PROGRAM = `
import csv, gzip, json, random
random.seed(1)
letters = "ab,;\\t\\"'\\n é"
def field():
    return "".join(random.choice(letters) for _ in range(random.randrange(6)))
rows = [["text", "label"]] + [[field(), field()] for _ in range(500)]
plain = [[f.replace("\\t", "").replace("\\n", "") or "x" for f in row] for row in rows]

def save(name, rows, encoding="utf-8", **options):
    with open(name, "w", newline="", encoding=encoding) as file:
        csv.writer(file, **options).writerows(rows)

save("excel.csv", rows)
save("unix.csv", rows, dialect="unix")
save("tabs.tsv", rows, dialect="excel-tab")
save("semicolons.txt", rows, delimiter=";")
save("latin.csv", rows, encoding="latin-1")
save("utf16.csv", rows, encoding="utf-16-le")
save("marked.csv", rows, encoding="utf-8-sig")
save("none.tsv", plain, delimiter="\\t", quoting=csv.QUOTE_NONE, quotechar=None)
with open("excel.csv", "rb") as file, gzip.open("packed.tsv.gz", "wb") as out:
    out.write(open("tabs.tsv", "rb").read())
json.dump({"rows": rows, "plain": plain}, open("rows.json", "w"))
`;

await withPython(
  "csvRows() reads what Python's csv has written",
  { modules: ["csv"], program: PROGRAM },
  async (folder) => {
    const { rows, plain } = JSON.parse(
      await Deno.readTextFile(`${folder}/rows.json`),
    );
    const FILES: Record<string, CsvOptions> = {
      "excel.csv": {},
      "unix.csv": {},
      "tabs.tsv": {},
      "semicolons.txt": { delimiter: ";" },
      "latin.csv": { encoding: "latin1" },
      "utf16.csv": { encoding: "utf-16le" },
      "marked.csv": {},
      "packed.tsv.gz": {},
      "none.tsv": { quote: false },
    };
    for (const [name, options] of Object.entries(FILES)) {
      const table = await csvRows(`${folder}/${name}`, options);
      const [columns, ...expected] = name === "none.tsv" ? plain : rows;
      assertEquals(table.columns, columns);
      assertEquals(
        Array.from({ length: table.size }, (_, i) => table.get(i)),
        expected.map(([text, label]: string[]) => ({ text, label })),
      );
    }
  },
);

Deno.test("csvRows() names columns by the first row, by numbers or as told", async () => {
  const text = "a,b\n1,2\n\n3,4";
  assertEquals(await rowsOf(text), [{ a: "1", b: "2" }, { a: "3", b: "4" }]);
  assertEquals(await rowsOf(text, { header: false }), [
    ...[{ 0: "a", 1: "b" }, { 0: "1", 1: "2" }, { 0: "3", 1: "4" }],
  ]);
  assertEquals((await rowsOf(text, { header: ["x", "y"] }))[0], {
    ...{ x: "a", y: "b" },
  });
  assertEquals(await rowsOf("a\n1", {}, "table.tsv"), [{ a: "1" }]);
});

Deno.test("csvRows() names file and line of what is wrong", async () => {
  for (
    const [text, message, options] of [
      [
        "a,b\n1,2\n1\n",
        "table.csv:3 should be a row of the table: it has 1 fields for 2 columns",
      ],
      [
        'a,b\n"1\n2",3\n\n4,5,6\n',
        "table.csv:5 should be a row of the table: it has 3 fields for 2",
      ],
      [
        'a,b\r\n1,2\r\n"1"x,2\r\n',
        "table.csv:3 should be a row of the table: a field goes on after",
      ],
      [
        'a,b\n1,2\n1,"2\n3,4\n',
        "table.csv:3 should be a row of the table: a quote is not closed",
      ],
      [
        "a,a\n1,2\n",
        'table.csv:1 should have a name for each column, got "a" twice',
      ],
      ["a,b\n", "table.csv should have at least one row"],
      ["", "table.csv should have at least one row"],
      [
        "a,b\n1\n",
        "at least one row, got 1 bad: table.csv:2 should be a row of the table: it has 1 fields",
        { onBad: { skip: true } },
      ],
      ["a\n1\n", "header should be true, false or", { header: "a" }],
      ["a\n1\n", "delimiter should be one character", { delimiter: ", " }],
      ["a\n1\n", "quote should be", { quote: "'" }],
      ["a\n1\n", "encoding should be one that TextDecoder knows", {
        encoding: "x",
      }],
    ] as [string, string, CsvOptions?][]
  ) {
    await assertRejects(() => rowsOf(text, options), Error, message);
  }
  const latin = memoryBytes(Uint8Array.of(0x61, 0x0a, 0xe9, 0x0a), "latin.csv");
  await assertRejects(
    () => csvRows(latin),
    SyntaxError,
    "latin.csv:1 or later: its text should be in utf-8",
  );
  await assertRejects(
    () => csvRows(bytesOf(`a\n"${"x".repeat(2 ** 24)}\n`)),
    SyntaxError,
    "table.csv:2 or later: a row should have at most 16777216 characters",
  );
});

Deno.test("csvRows() reads a table of very many columns, soon", async () => {
  const names = Array.from({ length: 50_000 }, (_, i) => `c${i}`);
  const start = performance.now();
  const table = await csvRows(bytesOf(`${names}\n${names.map(() => 1)}\n`));
  assertEquals(table.columns.length, names.length);
  assertEquals(table.get(0)["c49999"], "1");
  assert(performance.now() - start < 5000); // where names are sought in lists: 12 s
});

Deno.test("csvRows() passes bad rows over and counts them, up to a limit", async () => {
  const good = "1,2\n".repeat(30);
  const text = `a,b\n${good}1\n"1"x,2\n${good}1,2,3\n`;
  const table = await csvRows(bytesOf(text), { onBad: { skip: true } });
  assertEquals([table.size, table.bad.count], [60, 3]);
  assertEquals(table.bad.records.map(({ name }) => name), [
    ...["table.csv:32", "table.csv:33", "table.csv:64"],
  ]);
  assert(table.bad.records[0]!.reason.includes("it has 1 fields"));
  await assertRejects(
    () => csvRows(bytesOf(text), { onBad: { skip: true, limit: 0 } }),
    Error,
    "at most 0 should be bad, by onBad's limit 0, got 1:\ntable.csv:32",
  );
});

Deno.test("a wrong first row does not name the columns, nor their number", async () => {
  const cases = [
    ['"id"x\n1\n', "a field goes on after its closing quote"],
    ['"id,b\n1,2\n', "a quote is not closed"],
  ] as const;
  for (const [text, wrong] of cases) {
    await assertRejects(
      () => rowsOf(text),
      SyntaxError,
      `table.csv:1 should be the names of the columns: ${wrong}`,
    );
  }
  const options = { header: false, onBad: { skip: true } } as const;
  const rows = await csvRows(bytesOf('"a"x,b\n1,2\n3,4\n'), options);
  assertEquals([...rows], [{ 0: "1", 1: "2" }, { 0: "3", 1: "4" }]);
  assertEquals(rows.bad.records.map(({ name }) => name), ["table.csv:1"]);
});
