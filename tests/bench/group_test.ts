import { assertEquals, assertRejects } from "@std/assert";
import { timeChecked } from "../../bench/group.ts";
import { ParityError } from "../../bench/measure.ts";

/** A group of two, the second with a wrong result. */
function groupOf(log: string[]) {
  const contender = (name: string, wrong: string | null) => ({
    name,
    check: () => Promise.resolve(wrong),
    run: () => {
      log.push(name);
      return Promise.resolve(1000);
    },
  });
  return {
    contenders: [contender("right", null), contender("wrong", "y differs")],
    baseline: "right",
    close: () => {
      log.push("close");
      return Promise.resolve();
    },
  };
}

Deno.test("timeChecked() frees the inputs where a result is wrong, and takes no time", async () => {
  const log: string[] = [];
  await assertRejects(() => timeChecked(groupOf(log)), ParityError, "wrong");
  assertEquals(log, ["close"]);
});

Deno.test("timeChecked() leaves out who is not compared, never the baseline", async () => {
  const log: string[] = [];
  const measurements = await timeChecked(groupOf(log), () => false);
  assertEquals(measurements.map(({ name }) => name), ["right"]);
  assertEquals([...new Set(log)], ["right", "close"]);
});
