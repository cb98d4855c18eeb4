/** What the page's panel of gaps asks of the worker. */
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../mod.ts";
import { fill } from "../../models/gaps/mod.ts";
import { fillBy, gapsModel } from "../../site/gaps.ts";

Deno.test("a series is filled as by the package, and by a line", async () => {
  await useBackend({ prefer: ["wasm"] });
  const model = await gapsModel(
    await Deno.readFile(
      new URL("../../models/gaps/model.safetensors", import.meta.url),
    ),
  );
  const series = Array.from(
    { length: 96 },
    (_, t) => t >= 40 && t < 60 ? null : Math.sin(t / 3),
  );
  const { values, low, high, line } = await fillBy(model, series);
  assertEquals([values], await fill([series]));
  series.forEach((value, t) => {
    assert(low[t]! <= values[t]! && values[t]! <= high[t]!);
    if (value !== null) assertEquals(line[t], value);
  });
  const slope = line[41]! - line[40]!;
  assert(Math.abs(line[60]! - line[50]! - 10 * slope) < 1e-9);
  model.dispose();
});
