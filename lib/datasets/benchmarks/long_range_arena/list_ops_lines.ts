import { shown } from "@lionjs/base";
import type { Dataset } from "@lionjs/data/batches";
import { fileBytes } from "@lionjs/data/bytes";
import { LineIndex } from "@lionjs/data/records";
import { LIST_OPS_TOKENS } from "../../tasks/list_ops.ts";
import type { LongRangeTokens } from "./examples.ts";
import { fieldsAt, fieldsOf } from "./fields.ts";

const HEADER = "Source\tTarget";

const IDS = new Map(LIST_OPS_TOKENS.map((token, id) => [token, id]));

/**
 * The expressions of a file, each with its value.
 *
 * @param path The file: `Source`, a tab and `Target` in the first line, then an
 * expression, a tab and a digit in each.
 * @param length The most tokens of an expression.
 */
export async function listOpsLines(
  path: string,
  length: number,
): Promise<Dataset<LongRangeTokens>> {
  let isFirst = true;
  const index = await LineIndex.of(await fileBytes(path), (line) => {
    const where = `${path}:${line.number}`;
    if (isFirst) {
      isFirst = false;
      assertHeader(where, line.bytes);
      return false;
    }
    labelIn(where, fieldsOf(where, line.bytes, 2));
    return true;
  });
  if (index.size === 0) {
    throw new SyntaxError(`${path} should have expressions, got none`);
  }
  return {
    size: index.size,
    async get(place) {
      const { where, fields } = await fieldsAt(index, path, place, 2);
      const tokens = tokensIn(fields[0]!).slice(0, length);
      return {
        ids: Int32Array.from(tokens, (token) => idOf(where, token)),
        label: labelIn(where, fields),
      };
    },
  };
}

function assertHeader(where: string, bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes);
  if (text === HEADER) return;
  throw new SyntaxError(
    `${where} should be the header ${shown(HEADER)}, got ${shown(text)}`,
  );
}

/**
 * An expression's tokens as the original's tokenizer leaves them: without parentheses,
 * "]" as "X".
 */
function tokensIn(expression: string): string[] {
  return expression.replace(/[()]/g, "").replaceAll("]", "X").trim()
    .split(/\s+/);
}

function idOf(where: string, token: string): number {
  const id = IDS.get(token);
  if (id !== undefined && id > 0) return id;
  throw new SyntaxError(
    `${where} should have the tokens ${
      LIST_OPS_TOKENS.slice(1).join(" ")
    }, got ${shown(token)}`,
  );
}

function labelIn(where: string, [, target]: readonly string[]): number {
  if (/^[0-9]$/.test(target!)) return Number(target);
  throw new SyntaxError(
    `${where} should have a digit as its value, got ${shown(target)}`,
  );
}
