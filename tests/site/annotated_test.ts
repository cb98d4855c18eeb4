/** The annotated notebook as a page: its program, and the questions that it answers. @module */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NOTEBOOKS, readNotebook } from "../../tools/notebooks/notebook.ts";
import {
  ANNOTATED,
  codeOf,
  namesIn,
  programOf,
} from "../../tools/site/annotated.ts";
import { notebookPages } from "../../tools/site/notebooks.ts";
import { sectionsOf } from "../../tools/site/sections.ts";

const notebook = await readNotebook(new URL(`${ANNOTATED}.ipynb`, NOTEBOOKS));

/** What the section that a question leads to must say. */
const ANSWERS: Readonly<Record<string, RegExp>> = {
  "Why does softmax attention cost the square of the length?":
    /number for each pair of tokens/,
  "What takes the place of the exponential?":
    /replaces the exponential by a product of features/,
  "Which step makes the cost linear?": /This one step makes the cost linear/,
  "Where has the division gone?": /append a column of ones/,
  "What does a decay do to a pair of tokens?":
    /decays along the path between two tokens multiply/,
  "How do LION-LIT, LION-D and LION-S differ?":
    /LION-LIT: all decays are 1.*one decay per head.*each token chooses its own/,
  "How can an RNN read in both directions?": /two RNNs and one division/,
  "Why not simply add two causal models?": /each token hears itself twice/,
  "What is a chunk, and how long should it be?":
    /Inside a chunk the pairs are multiplied.*Everything before it is one state/,
  "From how many tokens on is LION faster?":
    /LION-S is faster from about 170 tokens on/,
};

Deno.test("the annotated page answers ten questions where its links lead", async () => {
  const { pages } = await notebookPages(new Set());
  const { body } = pages.find(({ path }) => path.includes(ANNOTATED))!;
  const list = body.slice(body.lastIndexOf("<ol>"));
  const links = [...list.matchAll(/<a href="[^"#]*#([^"]+)">([^<]+)<\/a>/g)]
    .map(([, anchor, question]) => [question!, anchor!] as const);
  assertEquals(links.map(([question]) => question), Object.keys(ANSWERS));
  const sections = sectionsOf(body);
  for (const [question, anchor] of links) {
    const at = body.indexOf(`<a id="${anchor}"></a>`);
    assert(at >= 0, anchor);
    const next = /<h2 id="([^"]+)"/.exec(body.slice(at))![1];
    const { prose } = sections.find(({ anchor }) => anchor === next)!;
    assertMatch(prose, ANSWERS[question]!);
  }
});

Deno.test("each cell of code has its place in the page, and each name its cell", async () => {
  const { pages } = await notebookPages(new Set());
  const { body } = pages.find(({ path }) => path.includes(ANNOTATED))!;
  const places = [...body.matchAll(/data-cell="(\d+)"/g)]
    .map(([, index]) => Number(index));
  assertEquals(places, [...codeOf(notebook).keys()]);
  const names = codeOf(notebook).flatMap(({ source }) => namesIn(source));
  assertEquals(names.length, new Set(names).size, "a name has one cell");
});

Deno.test("namesIn() finds what a cell declares for others", () => {
  const source = `const a = 1;
const { b, c: d } = x;
const [e, f]: [number[], number[]] = [[], []];
let g: number | undefined;
async function h() {
  const inner = 2;
}
interface Row {}
`;
  assertEquals(namesIn(source), ["a", "b", "d", "e", "f", "g", "h"]);
});

Deno.test("a program passes on what cells share, and imports the page's own modules", () => {
  const cell = (source: string) => ({
    cell_type: "code" as const,
    ...{ id: source, metadata: {}, execution_count: null, outputs: [], source },
  });
  const program = programOf({
    ...notebook,
    cells: [
      cell(
        'import { curves } from "@lionjs/lion/notebook";\nconst one = 1;\nconst two = 2;',
      ),
      cell("const text = 'two'; // one\nconst more = { two: 3 }.two;"),
      cell("console.log(one, `${two}`);"),
    ],
  });
  assertMatch(
    program,
    /import \{ curves \} from "file:.*\/annotated\/notebook.ts";/,
  );
  const uses = [...program.matchAll(/^uses: (.*),$/gm)].map(([, names]) =>
    names
  );
  assertEquals(uses[0], "[]");
  assertEquals(uses[2], '["one","two"]');
  assert(!uses[1]!.includes("one"), uses[1]!);
});
