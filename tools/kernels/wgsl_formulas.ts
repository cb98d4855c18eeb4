/**
 * Formulas that both backends compute, read from the WGSL in which they are written: names,
 * numbers, operators, calls, and statements `let x = …;`, `x = …;` and `return …;`.
 *
 * @module
 */

/** An expression: a number, a name, or an operator or a function of operands. */
export type Expression = number | string | Application;

interface Application {
  /** The name of the function, or the operator; `negative` for a sign. */
  readonly of: string;
  readonly operands: readonly Expression[];
}

/** A statement, which computes what a name stands for from here on; `return` is one. */
export interface Statement {
  readonly name: string;
  /** Whether the name is new. */
  readonly isNew: boolean;
  readonly expression: Expression;
}

/** Binary operators, from those that bind least on. */
const OPERATORS = [["<", "<=", ">", ">=", "=="], ["+", "-"], ["*", "/"]];

const TOKEN = /\s*([\d.]+(?:e[+-]?\d+)?|\w+|[<>=]=|[-+*\/<>=();,])/y;

/** Reads the statements of a formula; throws for what is not of the subset. */
export function statementsOf(text: string): Statement[] {
  const tokens: string[] = [], pattern = new RegExp(TOKEN);
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex, token = pattern.exec(text)?.[1];
    if (token === undefined) {
      throw new Error(`No formula of both backends: ${text.slice(at)}`);
    }
    tokens.push(token);
  }
  const take = (expected?: string): string => {
    const token = tokens.shift();
    if (token === undefined || (expected && token !== expected)) {
      throw new Error(`Expected ${expected}, got ${token} in: ${text}`);
    }
    return token;
  };
  const isNext = (...candidates: string[]) => candidates.includes(tokens[0]!);

  const binary = (level: number): Expression => {
    const operators = OPERATORS[level];
    if (!operators) return single();
    let left = binary(level + 1);
    while (isNext(...operators)) {
      left = { of: take(), operands: [left, binary(level + 1)] };
    }
    return left;
  };
  const single = (): Expression => {
    const token = take();
    if (token === "-") {
      const operand = single();
      return typeof operand === "number"
        ? -operand
        : { of: "negative", operands: [operand] };
    }
    if (token === "(") {
      const inner = binary(0);
      take(")");
      return inner;
    }
    if (/^[\d.]/.test(token)) return Number(token);
    if (!isNext("(")) return token;
    const operands: Expression[] = [];
    do {
      take();
      operands.push(binary(0));
    } while (isNext(","));
    take(")");
    return { of: token, operands };
  };

  const statements: Statement[] = [];
  while (tokens.length > 0) {
    const isNew = isNext("let");
    if (isNew) take("let");
    const name = take();
    if (name !== "return") take("=");
    statements.push({ name, isNew, expression: binary(0) });
    take(";");
  }
  return statements;
}

/** What WebAssembly computes for the operators and functions of formulas. */
export type Instructions<Value> =
  & Readonly<Record<string, ((...operands: Value[]) => Value) | undefined>>
  & {
    /** x · y + z, in one rounding where the engine has relaxed SIMD. */
    readonly multiplyAdd: (x: Value, y: Value, z: Value) => Value;
  };

/**
 * The value of an expression. A product within a sum is added to in one instruction, the
 * left one if there are two, and so is one from which something is taken.
 */
export function valueOf<Value>(
  expression: Expression,
  valueOfLeaf: (leaf: number | string) => Value,
  instructions: Instructions<Value>,
): Value {
  const value = (expression: Expression): Value => {
    if (typeof expression !== "object") return valueOfLeaf(expression);
    const { of, operands } = expression;
    const product = of === "+"
      ? operands.findIndex(isProduct)
      : of === "-" && isProduct(operands[0]!)
      ? 0
      : -1;
    if (product >= 0) {
      const { operands: [x, y] } = operands[product] as Application;
      const other = operands[1 - product]!;
      const z = of === "+" ? other : { of: "negative", operands: [other] };
      return instructions.multiplyAdd(value(x!), value(y!), value(z));
    }
    const instruction = instructions[of];
    if (!instruction) throw new Error(`WebAssembly has no ${of} of formulas`);
    return instruction(...operands.map(value));
  };
  return value(expression);
}

function isProduct(expression: Expression): boolean {
  return typeof expression === "object" && expression.of === "*";
}

/** A function, whose statements begin with its parameters and end with `return`. */
export interface FunctionInWgsl {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly statements: readonly Statement[];
}

/** Reads a function of WGSL; types say nothing here, where all are vectors. */
export function functionIn(text: string): FunctionInWgsl {
  const [, name, list, body] =
    /^fn (\w+)\((.*?)\) -> \w+ \{(.*)\}$/s.exec(text.trim()) ?? [];
  if (!name || !list || !body) {
    throw new Error(`No function of both backends: ${text}`);
  }
  const parameters = list.split(",").map((one) => one.split(":")[0]!.trim());
  const statements = statementsOf(body);
  const known = new Set(parameters);
  for (const statement of statements) {
    for (const leaf of namesIn(statement.expression)) {
      if (!known.has(leaf)) throw new Error(`No ${leaf} in: ${text}`);
    }
    known.add(statement.name);
  }
  if (statements.at(-1)?.name !== "return") {
    throw new Error(`Nothing is returned in: ${text}`);
  }
  return { name, parameters, statements };
}

function namesIn(expression: Expression): string[] {
  if (typeof expression === "number") return [];
  return typeof expression === "string"
    ? [expression]
    : expression.operands.flatMap(namesIn);
}
