import { utf8Text } from "@lionjs/base";
import type { ByteLine } from "./byte_lines.ts";
import { assertExactNumbers } from "./json_numbers.ts";

/** Makes text or JSON of lines in UTF-8. */
export class LineParser<T> {
  constructor(readonly name: string, readonly kind: "text" | "json") {}

  parse({ number, bytes }: ByteLine): T {
    const where = `${this.name}:${number}`;
    const text = utf8Text(where, bytes);
    if (this.kind === "text") return text as T;
    let value: T;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const { message } = cause as Error;
      throw new SyntaxError(
        `${where} should be JSON, one value in each line: ${message}`,
        { cause },
      );
    }
    assertExactNumbers(where, text, value);
    return value;
  }
}
