/** Values of Parquet files have the types that the documentation names. @module */
import { assert } from "@std/assert";
import { readMutant } from "./parquet_mutants.ts";

Deno.test("values of damaged Parquet files have their columns' types, or are refused", async () => {
  let read = 0;
  for (let seed = 0; seed < 4000; seed++) {
    if (await readMutant(seed)) read++;
  }
  assert(read > 400, `${read} could be read`);
});
