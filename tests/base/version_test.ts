/** The version is the same wherever it is named. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { VERSION } from "../../lib/base/version.ts";

const read = (path: string) =>
  Deno.readTextFile(new URL(`../../${path}`, import.meta.url));

Deno.test("VERSION is that of deno.json, and of each package that is published", async () => {
  assertEquals(VERSION, config.version);
  for (const folder of config.workspace) {
    const { version, publish } = JSON.parse(await read(`${folder}/deno.json`));
    assertEquals(version, publish === false ? undefined : VERSION, folder);
  }
});

Deno.test("VERSION is that of the changelog, and what a project imports", async () => {
  const sections = (await read("CHANGELOG.md")).matchAll(/^## (\S+)/gm);
  const released = [...sections].map(([, name]) => name)
    .filter((name) => name !== "Unreleased");
  assertEquals(released[0], VERSION);
  const range = `jsr:${config.name}@^${VERSION}"`;
  assertStringIncludes(await read("docs/platforms.md"), range);
});
