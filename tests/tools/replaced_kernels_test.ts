/** docs/operations.md has the tables by which kernels are replaced. */
import { assertEquals } from "@std/assert";
import { operationsDocument } from "../../tools/replaced_kernels.ts";

Deno.test("docs/operations.md says which kernels are replaced, and why", async () => {
  const { is, shouldBe } = await operationsDocument();
  assertEquals(is, shouldBe, "deno run -A tools/replaced_kernels.ts writes it");
});
