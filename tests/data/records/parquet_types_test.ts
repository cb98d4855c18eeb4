/** Values of Parquet files have the types that the documentation names. @module */
import { assert, assertEquals } from "@std/assert";
import { memoryBytes, parquet } from "../../../lib/data/mod.ts";
import { parquetMutant, wrongIn } from "./parquet_mutants.ts";

Deno.test("values of damaged Parquet files have their columns' types, or are refused", async () => {
  let read = 0;
  for (let seed = 0; seed < 4000; seed++) {
    const file = memoryBytes(parquetMutant(seed), "mutant");
    try {
      const rows = await parquet(file);
      for await (const row of rows.rows()) {
        for (const column of rows.schema) {
          assertEquals(wrongIn(column, row[column.name]), undefined, `${seed}`);
        }
      }
      read++;
    } catch (error) {
      const isNamed = error instanceof SyntaxError ||
        error instanceof RangeError;
      if (!isNamed || !error.message.includes("mutant")) throw error;
    }
  }
  assert(read > 400, `${read} could be read`);
});
