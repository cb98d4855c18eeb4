/** The version that ranks compare is the one that is published. @module */
import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { VERSION } from "../../lib/contract/version.ts";

Deno.test("VERSION is that of deno.json", () => {
  assertEquals(VERSION, config.version);
});
