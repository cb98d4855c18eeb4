import type { ByteLine } from "./byte_lines.ts";

/** Makes text or JSON of lines in UTF-8. */
export class LineParser<T> {
  // A byte order mark is one only at the start of a file.
  readonly #decoder = new TextDecoder("utf-8", {
    fatal: true,
    ignoreBOM: true,
  });
  readonly #name: string;
  readonly #parse: "text" | "json";

  constructor(name: string, parse: "text" | "json") {
    this.#name = name;
    this.#parse = parse;
  }

  /** The value of a line. */
  parse({ number, bytes }: ByteLine): T {
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch (cause) {
      throw new SyntaxError(
        `${this.#name}:${number} should be text in UTF-8; convert it first`,
        { cause },
      );
    }
    if (this.#parse === "text") return text as T;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new SyntaxError(
        `${this.#name}:${number} should be JSON, one value in each line: ${
          (cause as Error).message
        }`,
        { cause },
      );
    }
  }
}
