/**
 * Right calls of all that is exported, with one value after another replaced by
 * what it should not be: each is an error that names the argument, or has an answer.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { onCpu } from "../io/files.ts";
import { GOOD_CALLS, WITHOUT } from "./good_calls/good_calls.ts";
import {
  endOf,
  problemOf,
  type Replacement,
  replacementsIn,
} from "./good_calls/replaced_values.ts";

const ROOT = new URL("../../", import.meta.url);

/** The entries that offer what others do: what they have in common with these. */
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  "./attention": ["."],
  "./data": ["./datasets", "./data"],
};

Deno.test("every exported function has a right call, or a reason for none", async () => {
  for (const [entry, path] of Object.entries(config.exports)) {
    const calls = (OFFERED[entry] ?? [entry])
      .flatMap((from) => Object.keys(GOOD_CALLS[from] ?? {}))
      .map((name) => name.split(",")[0]!);
    const exported = Object.entries(await import(new URL(path, ROOT).href))
      .flatMap(([name, value]) => typeof value === "function" ? [name] : []);
    const without = exported.filter((name) => !Object.hasOwn(WITHOUT, name));
    const called = entry === "./attention"
      ? calls.filter((name) => exported.includes(name))
      : calls;
    assertEquals(new Set(called), new Set(without), entry);
  }
});

onCpu("no right call is refused for its arguments", async () => {
  const wrong: string[] = [];
  for (const [entry, calls] of Object.entries(GOOD_CALLS)) {
    for (const [name, call] of Object.entries(calls)) {
      const end = await endOf(call);
      // Those that end otherwise say what is not on this machine.
      if (end && !/none|too short|127\.0\.0\.1|do not fit/.test(end)) {
        wrong.push(`${entry}: ${name}: ${end}`);
      }
    }
  }
  assertEquals(wrong, []);
});

/** Of which one case in so many is tried here; the fuzzer tries all. */
const ONE_IN = { fast: 2, slow: 12 };

for (const [entry, calls] of Object.entries(GOOD_CALLS)) {
  onCpu(`${entry}: a wrong value is an error that names it`, async () => {
    const ends = new Map<Replacement["call"], string>();
    const problems: string[] = [];
    let place = 0, tried = 0;
    for (const { name, call, path, junk } of replacementsIn(entry, calls)) {
      if (!ends.has(call)) ends.set(call, await endOf(call));
      if (place++ % ONE_IN[call.isSlow ? "slow" : "fast"] > 0) continue;
      tried++;
      const problem = await problemOf(call, path, junk, ends.get(call));
      if (!problem) continue;
      const { kind, text } = problem;
      problems.push(`${name}: ${path.join(".")} is ${junk}: ${kind}: ${text}`);
    }
    assertEquals(problems, []);
    assert(tried > 0 || Object.keys(calls).length === 0);
  });
}
