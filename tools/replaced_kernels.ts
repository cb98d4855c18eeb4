/**
 * Writes the tables of replaced kernels and gradients of docs/operations.md, from those
 * by which they are registered: `deno run -A tools/replaced_kernels.ts`.
 *
 * @module
 */
import { CPU } from "../lib/tfjs/replaced/cpu.ts";
import { GRADIENTS } from "../lib/tfjs/replaced/gradients.ts";
import type { Replacement } from "../lib/tfjs/replaced/replacement.ts";
import { WASM } from "../lib/tfjs/replaced/wasm.ts";
import { WEBGPU } from "../lib/tfjs/replaced/webgpu.ts";

/** The replaced kernels of each backend, in the order in which they are registered. */
export const REPLACED_KERNELS = { cpu: CPU, wasm: WASM, webgpu: WEBGPU };

const FILE = new URL("../docs/operations.md", import.meta.url);

// Padded to the longest list of kernels, a table would be ten times as long.
const BEGIN =
  `<!-- made by \`deno run -A tools/replaced_kernels.ts\`, from here -->
<!-- deno-fmt-ignore-start -->`;
const END = `<!-- deno-fmt-ignore-end -->
<!-- to here -->`;

/** Why something is replaced. */
type Reasons = Pick<Replacement, "slow" | "wrong" | "absent" | "issue">;

function reasonOf({ slow, wrong, absent, issue }: Reasons): string {
  const reasons = Object.entries({ slow, wrong, absent })
    .flatMap(([kind, reason]) => reason ? `**${kind}**: ${reason}` : []);
  const link = issue === undefined
    ? ""
    : ` ([#${issue}](https://github.com/tensorflow/tfjs/issues/${issue}))`;
  return reasons.join("; ") + link;
}

/** Which kernels compute which types. */
function typesOf(
  { ours, cpu, refused }: Replacement<never>,
): string {
  const types = Object.entries({ ours, cpu, refused })
    .flatMap(([by, types]) => types ? `${by}: ${types.join(", ")}` : []);
  return types.join("; ") || "–";
}

const named = (names: readonly string[]): string =>
  names.map((name) => `\`${name}\``).join(" ");

/** The tables, in Markdown. */
function tables(): string {
  const kernels = Object.entries(REPLACED_KERNELS).map(([backend, rows]) => [
    `**On ${backend}:**`,
    "",
    "| kernels | types | reason |",
    "| --- | --- | --- |",
    ...(rows as readonly Replacement<never>[]).map((row) =>
      `| ${named(row.kernels)} | ${typesOf(row)} | ${reasonOf(row)} |`
    ),
  ]);
  const gradients = [
    "**Gradients, on every backend:**",
    "",
    "| gradient | reason |",
    "| --- | --- |",
    ...GRADIENTS.map(({ gradient, ...reasons }) =>
      `| ${named([gradient.kernelName])} | ${reasonOf(reasons)} |`
    ),
  ];
  return [...kernels, gradients].map((lines) => lines.join("\n")).join("\n\n");
}

/**
 * The document, as it is and with the tables that it should have.
 *
 * @throws {Error} If it has not one part between marks.
 */
export async function operationsDocument(): Promise<
  { readonly is: string; readonly shouldBe: string }
> {
  const is = await Deno.readTextFile(FILE);
  const [before, rest, ...more] = is.split(BEGIN);
  const [, after, ...others] = rest?.split(END) ?? [];
  if (after === undefined || more.length + others.length > 0) {
    throw new Error("docs/operations.md should have one part between marks");
  }
  const shouldBe = `${before}${BEGIN}\n\n${tables()}\n\n${END}${after}`;
  return { is, shouldBe };
}

if (import.meta.main) {
  const { is, shouldBe } = await operationsDocument();
  if (is !== shouldBe) await Deno.writeTextFile(FILE, shouldBe);
  console.log(is === shouldBe ? "nothing has changed" : "wrote the tables");
}
