/** Every symbol in a sentence, by subject: what Deno's own pages do not show. @module */
import config from "../../deno.json" with { type: "json" };
import { marked } from "marked";
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * The subjects in their order, and the folders and files of `lib` whose symbols they
 * have; of those that hold a file, the longest counts.
 */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  "Attention": ["attention"],
  "Linear transformers": ["family"],
  "Operations": ["operations"],
  "Layers and mixers": ["layers"],
  "Models": ["models"],
  "Data": ["data", "datasets", "base"],
  "Training": ["training", "tfjs/optimizers"],
  "Masked diffusion": ["diffusion"],
  "Weights and files": ["io"],
  "Pretrained models and the hub": ["hub", "data/hub"],
  "ONNX": ["onnx"],
  "Notebooks and figures": ["notebook"],
  "Backends and failures": ["backend", "tfjs", "kernels"],
  "Ranks": ["mpi", "ranks", "base/communicator.ts"],
};

/** What is read of `deno doc --json`. */
interface Documented {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly {
          readonly kind: string;
          readonly location: { readonly filename: string };
          readonly jsDoc?: {
            readonly doc?: string;
            readonly tags?: readonly {
              readonly kind: string;
              readonly doc?: string;
            }[];
          };
        }[];
      }[];
    }>
  >;
}

/** A symbol that an entry point exports. */
export interface DocumentedSymbol {
  readonly name: string;
  /** What it is imported from. */
  readonly from: string;
  /** Its page, in the reference. */
  readonly page: string;
  readonly subject: string;
  /** Whether it is a type alone, which no program can run. */
  readonly isType: boolean;
  /** Its examples, in Markdown. */
  readonly examples: readonly string[];
  /** The first sentence of its docstring, in Markdown. */
  readonly sentence: string;
}

/** All symbols of all entry points. */
export async function documentedSymbols(): Promise<DocumentedSymbol[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...Object.values(config.exports)],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  const { nodes }: Documented = JSON.parse(text.decode(stdout));
  return Object.entries(config.exports).flatMap(([entry, file]) =>
    nodes[new URL(file, ROOT).href]!.symbols.flatMap(
      ({ name, declarations }) => {
        const { kind, location, jsDoc } = declarations[0]!;
        // What another entry point exports too is described there.
        if (kind === "reference") return [];
        return {
          name,
          from: `${config.name}${entry.slice(1)}`,
          page: `${entry === "." ? "" : `${entry.slice(2)}/`}~/${name}.html`,
          subject: subjectOf(location.filename),
          isType: kind === "interface" || kind === "typeAlias",
          examples: declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? [])
            .filter(({ kind }) => kind === "example")
            .map(({ doc = "" }) => doc),
          sentence: firstSentence(jsDoc?.doc ?? ""),
        };
      },
    )
  );
}

function subjectOf(file: string): string {
  const path = `${file.slice(file.indexOf("/lib/") + "/lib/".length)}/`;
  const [found] = Object.entries(SUBJECTS).flatMap(([subject, places]) =>
    places.filter((place) => path.startsWith(`${place}/`))
      .map((place) => ({ subject, place }))
  ).toSorted((a, b) => b.place.length - a.place.length);
  if (found) return found.subject;
  throw new RangeError(
    `${file} should be in a folder of a subject; add it to SUBJECTS`,
  );
}

/** Whether it can run, and has no example that asserts something. */
export function lacksExample(
  { isType, examples }: Pick<DocumentedSymbol, "isType" | "examples">,
): boolean {
  return !isType && !examples.some((example) => /\bassert\w*\(/.test(example));
}

/** The first sentence of a docstring, on one line and with no links. */
export function firstSentence(doc: string): string {
  const [paragraph = ""] = doc.trim().split(/\n\s*\n/);
  const line = paragraph.replaceAll(/\s+/g, " ")
    .replaceAll(/\{@link(?:code|plain)? ([^}]+)\}/g, "`$1`");
  // A formula or a list may follow the paragraph.
  return (/^.*?[.…](?= |$)/.exec(line)?.[0] ?? line).replace(/[,:]$/, ".");
}

/**
 * The page's content: a table for each subject.
 *
 * @param symbols Of all entry points.
 * @param reference Where the reference is, seen from the page.
 */
export function symbolsHTML(
  symbols: readonly DocumentedSymbol[],
  reference: string,
): string {
  const tables = Object.keys(SUBJECTS).map((subject) => {
    const rows = symbols.filter((symbol) => symbol.subject === subject)
      .toSorted((a, b) => a.name.localeCompare(b.name, "en"))
      .map(({ name, from, page, sentence }) =>
        `<tr><td><a href="${reference}${page}"><code>${
          escapeHTML(name)
        }</code></a></td><td>${marked.parseInline(sentence)}</td><td><code>${
          escapeHTML(from)
        }</code></td></tr>`
      );
    return `<h2>${escapeHTML(subject)}</h2>
<table><thead><tr><th>symbol</th><th>what it is</th><th>import from</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table>`;
  });
  return `<h1>Symbols by subject</h1>\n${tables.join("\n")}`;
}
