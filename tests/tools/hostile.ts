/** Data whose texts would like to be more than text. @module */
import { JSDOM } from "jsdom";

/** What a name may be, that somebody else has chosen. */
export const HOSTILE: readonly string[] = [
  "<script>alert(1)</script>",
  "</script><script>alert(2)</script>",
  "<!-- <script>",
  "--><img src=x onerror=alert(3)>",
  `"><svg onload=alert(4)>`,
  `' onmouseover='alert(5)`,
  "x](javascript:alert(6)) [y](javascript:alert(7))",
  "![z](x.png) <javascript:alert(8)> https://evil.example www.evil.example",
  "a@evil.example and <b@evil.example>",
  "&lt;img src=x onerror=alert(9)&gt; &#60;b&#62; &amp;",
  "` ``` `<b>` ~~~ ~~s~~",
  "| a | b |\n|---|---|\n| <i>c</i> | d |",
  "line\n\n# heading\n\n<script>alert(10)</script>\n\n- item\n===\n---",
  "1. one\u2028<b>two</b>\u2029\r\n    code",
  "**bold** _it_ __b__ *i* \\* \\<b> \\\\",
  "$\\href{javascript:alert(11)}{x}$ and $$\\undefined$$ \uE0000\uE001 $1$",
  "[r]: javascript:alert(12)\n[r] [r][] <a href=javascript:alert(13)>r</a>",
  `<a href="javascript:alert(14)">p</a><a href="https://evil.example" popup="w=1">q</a>`,
  `<span style="background:url(https://evil.example)">s</span><b onclick="alert(15)">t</b>`,
  "</title></style></textarea></table></td><svg><style><img>",
  "{{constructor}} ${alert(16)} %{x} \0 \u202e",
];

/** Fields that hold records: names of their properties are data, too. */
const RECORDS = [
  ...["settings", "limits", "skipped", "figures", "means", "decays"],
  ...["baselines", "published", "stepMilliseconds", "parameters"],
];

/**
 * A copy of data in which every text has something around it, the same
 * everywhere, so that what belongs together still does.
 *
 * @param kept Texts that a program's own types list, without which it would
 * find nothing to show.
 */
export function surrounded<T>(
  data: T,
  by: string,
  kept: readonly string[],
): T {
  const change = (text: string) =>
    kept.includes(text) ? text : `${by}${text}${by}`;
  const walk = (part: unknown, isRecord: boolean): unknown => {
    if (typeof part === "string") return change(part);
    if (Array.isArray(part)) return part.map((one) => walk(one, false));
    if (typeof part !== "object" || part === null) return part;
    if (Object.getPrototypeOf(part) !== Object.prototype) return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, one]) => [
        isRecord ? change(name) : name,
        walk(one, isRecord || RECORDS.includes(name)),
      ]),
    );
  };
  return walk(data, false) as T;
}

/** What is used of an element. */
interface Part {
  readonly tagName: string;
  getAttributeNames(): string[];
  getAttribute(name: string): string | null;
  remove(): void;
}

/** What a page is. */
export interface ReadPage {
  /** Its elements in their order, with the names of their attributes. */
  readonly skeleton: readonly string[];
  /** What it runs or fetches by attributes: listeners, addresses that are programs, styles. */
  readonly executables: readonly string[];
  /** What readers see, in one line. */
  readonly shown: string;
}

/** Reads a page as browsers do, without running its scripts. */
export function readPage(html: string): ReadPage {
  // plotly.js is two megabytes of base64.
  const { document } = new JSDOM(html.replace(/atob\("[^"]+"\)/, "")).window;
  const all = (selector: string) =>
    [...document.querySelectorAll(selector)] as unknown as Part[];
  const elements = all("*").map((element) => ({
    name: element.tagName,
    attributes: element.getAttributeNames().sort()
      .map((name) => [name, element.getAttribute(name)!] as const),
  }));
  all("script, style").forEach((one) => one.remove());
  return {
    skeleton: elements.map(({ name, attributes }) =>
      [name, ...attributes.map(([attribute]) => attribute)].join(" ")
    ),
    executables: elements.flatMap(({ name, attributes }) =>
      attributes.filter(isExecutable)
        .map(([attribute, value]) => `${name} ${attribute}="${value}"`)
    ),
    shown: inOneLine(document.body.textContent!),
  };
}

function isExecutable([name, value]: readonly [string, string]): boolean {
  return name.startsWith("on") ||
    /^[\s\0]*javascript:/i.test(value) ||
    (name === "style" && /url\(["']?[a-z]/i.test(value));
}

/** A text in one line, without what a page does not show or shows a sign for. */
export function inOneLine(text: string): string {
  return text.replaceAll(/[\s\0\uFFFD\uE000\uE001]+/g, " ").trim();
}
