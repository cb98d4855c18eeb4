import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { family } from "@lionjs/lion/family";
import "@tensorflow/tfjs-backend-cpu";
import { casesOf } from "../../bench/compare/cases.ts";
import {
  type ComparedCase,
  compareRevisions,
  tellComparison,
  titleOf,
} from "../../bench/compare/compare_revisions.ts";
import {
  familyOperation,
  type Library,
  MEMBERS,
  openOperation,
  wrongIn,
} from "../../bench/operations.ts";
import { commitOf } from "../../bench/compare/revision.ts";

Deno.test("the cases of a comparison have titles of their own", () => {
  const titles = casesOf([64, 128]).map(titleOf);
  assertEquals(new Set(titles).size, titles.length);
});

Deno.test("all models of the family are compared", () => {
  const functions = family.map((member) => member.function.name);
  assertEquals(
    functions.filter((name) => !MEMBERS.includes(name)),
    [],
  );
});

Deno.test("a member that a revision lacks is an error of its own", async () => {
  const { results, dispose } = openOperation(
    familyOperation("comba", 8),
    {} as Library,
    "forward",
  );
  await assertRejects(() => results(), Error, "there is no comba");
  dispose();
});

Deno.test("wrongIn() judges gradients that may cancel by the largest of them", () => {
  const results = (dq: number, decay: number) =>
    [1, dq, 1, 1, decay].map((value) => Float32Array.of(value));
  const reference = results(1e-6, 1e-6);
  assertEquals(wrongIn(results(2e-6, 1e-6), reference, 3), null);
  assertMatch(wrongIn(results(1e-6, 2e-6), reference, 3)!, /result 3/);
  assertMatch(wrongIn(results(NaN, 1e-6), reference, 3)!, /result 2/);
  assertMatch(wrongIn([], reference, 3)!, /0 results, not 5/);
  // Where none may cancel, each is judged by itself.
  assertMatch(wrongIn(results(2e-6, 1e-6), reference)!, /result 2/);
});

/** A case that took one millisecond. */
function compared(name: string, ratio: number): ComparedCase {
  const times = (median: number) => ({ median, least: median, samples: 9 });
  return {
    ...{ section: "forms", name, length: 1024, work: "gradients" },
    ...{ before: times(1), now: times(ratio) },
    ...{ ratio, ratioOfLeast: ratio, isSlower: ratio > 1.05 },
  };
}

Deno.test("tellComparison() gives the range of each form, and what is slower", () => {
  const text = tellComparison({
    ...{ before: "0".repeat(40), now: "1".repeat(40), most: 1.05, absent: [] },
    cases: [
      compared("full, LION-D", 0.42),
      compared("full, LION-S", 0.43),
      compared("chunkwise, LION-S", 1.2),
    ],
  });
  assertMatch(text, /forms, full, gradients, 1024 tokens +0\.42–0\.43/);
  assertStringIncludes(text, "3 compared, 0 only now: 1 take more than 1.05");
  assertMatch(text.split("\n").at(-1)!, /chunkwise, LION-S.*SLOWER/);
});

Deno.test("commitOf() names a revision that there is not", async () => {
  await assertRejects(() => commitOf("nowhere"), RangeError, '"nowhere"');
  await assertRejects(() => commitOf("--all"), RangeError, '"--all"');
});

Deno.test("a revision is compared with this tree, results first", async () => {
  const lines: string[] = [];
  const { cases, absent, before, adapter } = await compareRevisions({
    ...{ revision: "HEAD", backend: "wasm", threads: 2, lengths: [40] },
    ...{ sections: ["forms", "models"], filter: "LION-S, packed, " },
    ...{ rounds: 1, most: 1000, tell: (line) => lines.push(line) },
  });
  assertEquals([absent, adapter], [[], "wasm"]);
  assertMatch(before, /^[0-9a-f]{40}$/);
  // Four forms, forward and with gradients.
  assertEquals([cases.length, lines.length], [8, 8]);
  for (const { before, now, ratio } of cases) {
    assert(before.least > 0 && now.least > 0 && ratio > 0);
  }
});
