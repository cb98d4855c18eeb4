/**
 * `deno doc --lint`, which fails on every error but `private-type-ref`: it
 * reports one for each type of tfjs in a public signature, and re-exporting
 * the type moves the report into tfjs's own files. And every function, class
 * and constant that is exported has an example that asserts something, and no
 * doc comment has a fault that only a hover text would show.
 *
 * @module
 */
import { commentFaults } from "./doc_comments.ts";
import { documentedSymbols, lacksExample } from "./site/symbols.ts";

const ROOT = new URL("..", import.meta.url);
const { default: config } = await import("../deno.json", {
  with: { type: "json" },
});
const { stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", ...Object.values(config.exports)],
  cwd: ROOT,
  env: { NO_COLOR: "1" },
}).output();
const reports = new TextDecoder().decode(stderr).split(/\n(?=error)/);
const failures = reports.filter((report) =>
  report.startsWith("error[") && !report.startsWith("error[private-type-ref]")
);
if (failures.length > 0) console.error(failures.join("\n"));
console.log(`deno doc --lint: ${failures.length} errors`);

const symbols = await documentedSymbols();
const bare = symbols.filter(lacksExample);
for (const { name, from } of bare) {
  console.error(`${name} of ${from} should have an @example that asserts`);
}
console.log(
  `examples: ${symbols.length} symbols, ${bare.length} without one`,
);

const { stdout: listed } = await new Deno.Command("git", {
  args: ["ls-files", "mod.ts", "lib/*.ts", "tools/*.ts"],
  cwd: ROOT,
}).output();
const sources = new TextDecoder().decode(listed).trim().split("\n");
let faults = 0;
for (const file of sources) {
  const source = await Deno.readTextFile(new URL(file, ROOT));
  for (const { line, fault } of commentFaults(source)) {
    console.error(`${file}:${line}: the doc comment should be whole: ${fault}`);
    faults++;
  }
}
console.log(`doc comments: ${sources.length} files, ${faults} faults`);
if (failures.length + bare.length + faults > 0) Deno.exit(1);
