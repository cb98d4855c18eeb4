/** Servers, by requests that no client would send. @module */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { attackServer } from "../tools/server_attack.ts";
import type { Target } from "./target.ts";

/** Requests of a case, to a server of its own. */
const REQUESTS = 20;

/** The server of `deno task site --serve`, which all others are made of. */
export const servers: Target<number> = {
  name: "servers",
  kind: "servers",
  cases: () => fc.nat(),
  async run(seed) {
    assertEquals(await attackServer(seed, REQUESTS), undefined);
    return {};
  },
};
