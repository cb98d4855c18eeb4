import { assertEquals } from "@std/assert";
import * as data from "../../lib/data/mod.ts";
import * as both from "../../lib/entries/data.ts";
import * as datasets from "../../lib/datasets/mod.ts";

Deno.test("@lionjs/lion/data offers what lib/data and lib/datasets offer", () => {
  assertEquals({ ...both }, { ...data, ...datasets });
  assertEquals(
    Object.keys(both).length,
    Object.keys(data).length + Object.keys(datasets).length,
  );
});
