/**
 * Writes AssemblyScript for vectors: functions of this file take and return names of
 * vectors, and each writes a statement.
 *
 * A statement has `$` in its names and stands for two, on the vectors of a pair
 * (`pairs.ts`). The same expression is computed once. Constants are numbers
 * here: V8 would make each constant of a loop again at every step, but keeps a vector
 * made of a global variable before the loop.
 *
 * @module
 */

/** The name of a vector, or a number that all lanes are. */
export type Vector = string | number;

/** How lanes are read, in the terms of WebAssembly. */
type Lanes = "f32" | "i32" | "f64" | "i64";

/** A function's statements, and the constants that they name. */
export interface Traced {
  readonly statements: readonly string[];
  /** The constants, as vectors to make before a loop. */
  readonly constants: readonly string[];
  readonly results: readonly Vector[];
}

let statements: string[] = [];
let known = new Map<string, string>();
let constants = new Set<string>();

/** The global variables of all constants, by their names. */
const variables = new Map<string, { lanes: Lanes; value: number | bigint }>();

/** Traces a function into the statements that compute its results. */
export function trace(compute: () => Vector[]): Traced {
  statements = [];
  known = new Map();
  constants = new Set();
  const results = compute().map((result) => constant(result, "f32"));
  return { statements, constants: [...constants], results };
}

/** The source of the global variables, and of `setConstants()`, to call first. */
export function constantsSource(): string {
  const all = [...variables];
  return [
    ...all.map(([name, { lanes }]) => `let ${name}: ${lanes} = 0;`),
    "let areSet = false;",
    "/** Sets the constants of the loops, once. */",
    "export function setConstants(): void {",
    "if (areSet) return;",
    "areSet = true;",
    ...all.map(([name, { value }]) => `${name} = ${value};`),
    "}",
  ].join("\n");
}

function constant(value: Vector | bigint, lanes: Lanes): string {
  if (typeof value === "string") return value;
  const text = `${value}`.replaceAll(/[-.+]/g, (sign) => SIGNS[sign]!);
  const variable = `${lanes}_${text}`;
  variables.set(variable, { lanes, value });
  constants.add(
    `const ${variable}_s = ${lanes}x${
      lanes.endsWith("64") ? 2 : 4
    }.splat(${variable});`,
  );
  return `${variable}_s`;
}

/** Signs of numbers in names. */
const SIGNS: Readonly<Record<string, string>> = { "-": "m", ".": "p", "+": "" };

/** Writes a statement; returns the name of what it computes. */
function define(expression: string): string {
  const before = known.get(expression);
  if (before) return before;
  const name = `v${known.size}_$`;
  known.set(expression, name);
  statements.push(`const ${name} = ${expression};`);
  return name;
}

/** An operation on vectors whose lanes, and so constants, are of a type. */
const operation =
  (instruction: string, lanes: Lanes = instruction.slice(0, 3) as Lanes) =>
  (...operands: (Vector | bigint)[]): string =>
    define(
      `${instruction}(${operands.map((x) => constant(x, lanes)).join(", ")})`,
    );

export const add = operation("f32x4.add");
export const sub = operation("f32x4.sub");
export const mul = operation("f32x4.mul");
export const div = operation("f32x4.div");
export const sqrt = operation("f32x4.sqrt");
/** The smaller one; NaN of NaN, and -0 below 0. */
export const min = operation("f32x4.min");
export const max = operation("f32x4.max");
/** `y < x ? y : x` in one instruction: x where one is NaN. */
export const lower = operation("f32x4.pmin");
/** `x < y ? y : x` */
export const raise = operation("f32x4.pmax");
export const floor = operation("f32x4.floor");
export const ceil = operation("f32x4.ceil");
export const trunc = operation("f32x4.trunc");
export const nearest = operation("f32x4.nearest");
export const eq = operation("f32x4.eq");
export const ne = operation("f32x4.ne");
export const lt = operation("f32x4.lt");
export const le = operation("f32x4.le");
export const gt = operation("f32x4.gt");
export const ge = operation("f32x4.ge");
/** x · y + z, in one rounding where the engine has relaxed SIMD. */
export const madd = operation("multiplyAdd", "f32");
export const ofInteger = operation("f32x4.convert_i32x4_s", "i32");
export const and = operation("v128.and", "i32");
export const or = operation("v128.or", "i32");
export const xor = operation("v128.xor", "i32");
/** x where y has no ones. */
export const andNot = operation("v128.andnot", "i32");
export const addInteger = operation("i32x4.add");
export const subInteger = operation("i32x4.sub");
export const negInteger = operation("i32x4.neg");

// The instructions for these make their masks at every step.
export const abs = (x: string): string => and(x, 0x7fffffff);
export const neg = (x: string): string => xor(x, -0x80000000);

/** x in lanes of ones, y in those of zeros. */
export function select(x: Vector, y: Vector, mask: string): string {
  const [first, second] = [constant(x, "f32"), constant(y, "f32")];
  return define(`v128.bitselect(${first}, ${second}, ${mask})`);
}

/** Shifts to the left. */
export function shl(x: string, bits: number): string {
  return define(`i32x4.shl(${x}, ${bits})`);
}

/** Shifts to the right; the sign stays. */
export function shr(x: string, bits: number): string {
  return define(`i32x4.shr_s(${x}, ${bits})`);
}

/** Numbers of 64 bits, of which a vector has two. */
export const f64 = {
  add: operation("f64x2.add"),
  sub: operation("f64x2.sub"),
  mul: operation("f64x2.mul"),
  div: operation("f64x2.div"),
  floor: operation("f64x2.floor"),
  trunc: operation("f64x2.trunc"),
  lower: operation("f64x2.pmin"),
  raise: operation("f64x2.pmax"),
  addInteger: operation("i64x2.add"),
  subInteger: operation("i64x2.sub"),
  or: operation("v128.or", "i64"),
  shl: (x: string, bits: number) => define(`i64x2.shl(${x}, ${bits})`),
  shr: (x: string, bits: number) => define(`i64x2.shr_u(${x}, ${bits})`),
};

/** A function of numbers of 64 bits, of vectors of floats. */
export function in64(
  compute: (...operands: string[]) => string,
  ...operands: string[]
): string {
  const half = (shuffled: (x: string) => string) =>
    compute(
      ...operands.map((x) => define(`f64x2.promote_low_f32x4(${shuffled(x)})`)),
    );
  const first = half((x) => x);
  const second = half((x) => define(`i64x2.shuffle(${x}, ${x}, 1, 0)`));
  const halves = [first, second].map((x) =>
    define(`f32x4.demote_f64x2_zero(${x})`)
  );
  return define(`i64x2.shuffle(${halves.join(", ")}, 0, 2)`);
}

/** A polynomial, its coefficients from the highest power down, by Horner's rule. */
export function polynomial(
  x: string,
  coefficients: readonly number[],
  multiplyAndAdd: (sum: Vector, x: Vector, next: Vector) => string = madd,
): string {
  const [highest, ...others] = coefficients as [number, ...number[]];
  let sum: Vector = highest;
  for (const next of others) sum = multiplyAndAdd(sum, x, next);
  return `${sum}`;
}
