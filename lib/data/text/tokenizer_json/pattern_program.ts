/**
 * Compiler of regular expressions for {@linkcode BoundedPattern}.
 *
 * @module
 */
import { type AST, RegExpParser } from "@eslint-community/regexpp";

/** One instruction of a program that matches a text from a position. */
export type Instruction =
  /** Consumes one character of a set, and continues at `to`. */
  | { readonly kind: "take"; readonly set: CharacterSet; readonly to: number }
  /** Branches to two instructions; the first that leads to a match counts. */
  | { readonly kind: "fork"; first: number; second: number }
  /** Continues at `to`. */
  | { readonly kind: "jump"; to: number }
  /** Continues at `to` if a lookaround matches, or does not match, as wanted. */
  | {
    readonly kind: "look";
    readonly look: number;
    readonly wanted: boolean;
    readonly to: number;
  }
  /** Fails: the path up to this instruction leads to no match. */
  | { readonly kind: "fail" }
  /** Ends a match. */
  | { readonly kind: "match" };

/** A lookahead or a lookbehind. */
export interface Look {
  readonly ahead: boolean;
  /** The set of the lookaround's character, if it matches exactly one. */
  readonly set?: CharacterSet;
  /**
   * The lookaround's instructions, if it has no `set`; those of a lookahead
   * read backwards.
   */
  readonly code: readonly Instruction[];
}

/** A regular expression that has been compiled. */
export interface Program {
  readonly code: readonly Instruction[];
  /** The lookarounds of the expression, inner ones before outer ones. */
  readonly looks: readonly Look[];
}

/** The largest number of parts, repetitions written out; expressions in use have 100. */
const MOST_PARTS = 2000;

/** The longest source in characters; expressions in use have 1,000. */
export const LONGEST_SOURCE = 10_000;

/** Compiles the source of a `RegExp` with the flag `u`. */
export function compilePattern(source: string): Program {
  if (source.length > LONGEST_SOURCE) {
    throw new RangeError(
      `should have at most ${LONGEST_SOURCE} characters, got ${source.length}`,
    );
  }
  const pattern = new RegExpParser()
    .parsePattern(source, 0, source.length, { unicode: true });
  return new Compiler().program(pattern);
}

/** A set of characters, which asks its regular expression once per character. */
export class CharacterSet {
  /** Membership of the basic plane's characters: 0 unknown, 1 outside, 2 inside. */
  readonly #known = new Uint8Array(0x10000);
  readonly #one: RegExp;

  /** @param source A regular expression that matches one character. */
  constructor(source: string) {
    this.#one = new RegExp(`^(?:${source})$`, "u");
  }

  /** Whether a code point is in the set. */
  has(code: number): boolean {
    const known = this.#known[code];
    if (known) return known === 2;
    const inside = this.#one.test(String.fromCodePoint(code));
    if (code < 0x10000) this.#known[code] = inside ? 2 : 1;
    return inside;
  }
}

class Compiler {
  readonly #looks: Look[] = [];
  readonly #sets = new Map<string, CharacterSet>();
  /** Number of parts compiled so far, repetitions written out. */
  #parts = 0;

  program({ alternatives }: AST.Pattern): Program {
    return { code: this.#machine(alternatives, false), looks: this.#looks };
  }

  #machine(
    alternatives: readonly AST.Alternative[],
    backwards: boolean,
  ): Instruction[] {
    const code: Instruction[] = [];
    this.#choice(code, alternatives, backwards);
    code.push({ kind: "match" });
    return code;
  }

  #choice(
    code: Instruction[],
    [alternative, ...others]: readonly AST.Alternative[],
    backwards: boolean,
  ): void {
    this.#count();
    const elements = [...alternative!.elements];
    if (backwards) elements.reverse();
    const compile = () => {
      for (const element of elements) this.#element(code, element, backwards);
    };
    if (others.length === 0) return compile();
    const fork = this.#fork(code);
    compile();
    const jump = { kind: "jump" as const, to: 0 };
    code.push(jump);
    fork.second = code.length;
    this.#choice(code, others, backwards);
    jump.to = code.length;
  }

  #element(
    code: Instruction[],
    element: AST.Element,
    backwards: boolean,
  ): void {
    this.#count();
    switch (element.type) {
      case "Character":
      case "CharacterClass":
      case "CharacterSet":
        code.push({
          kind: "take",
          set: this.#set(element.raw),
          to: code.length + 1,
        });
        return;
      case "Quantifier":
        return this.#repeated(code, element, backwards);
      case "Group":
        if (element.modifiers) break;
        return this.#choice(code, element.alternatives, backwards);
      case "CapturingGroup":
        return this.#choice(code, element.alternatives, backwards);
      case "Assertion":
        if (element.kind !== "lookahead" && element.kind !== "lookbehind") {
          break;
        }
        code.push({
          kind: "look",
          look: this.#look(element),
          wanted: !element.negate,
          to: code.length + 1,
        });
        return;
    }
    throw new RangeError(
      `should have no ${JSON.stringify(element.raw)}${
        element.type === "Backreference"
          ? ": the time to match it has no bound"
          : ""
      }`,
    );
  }

  #repeated(
    code: Instruction[],
    { element, min, max, greedy }: AST.Quantifier,
    backwards: boolean,
  ): void {
    const once = () => this.#element(code, element, backwards);
    for (let i = 0; i < min; i++) once();
    const more = isNullable(element)
      ? () => this.#notEmpty(code, element, backwards)
      : once;
    const exits: ((to: number) => void)[] = [];
    const fork = () => {
      const fork = this.#fork(code);
      if (!greedy) fork.second = fork.first;
      exits.push((to) => greedy ? fork.second = to : fork.first = to);
    };
    if (max === Infinity) {
      const start = code.length;
      fork();
      more();
      code.push({ kind: "jump", to: start });
    } else {
      for (let i = min; i < max; i++) {
        fork();
        more();
      }
    }
    for (const exit of exits) exit(code.length);
  }

  #count(parts = 1): void {
    this.#parts += parts;
    if (this.#parts <= MOST_PARTS) return;
    throw new RangeError(
      `should have at most ${MOST_PARTS} parts when what it repeats is written out`,
    );
  }

  /**
   * Compiles an element that may match nothing so that it consumes a character,
   * as RegExps demand of repetitions beyond the minimum. The code before the
   * first character fails at its end; a second copy comes after that character.
   */
  #notEmpty(
    code: Instruction[],
    element: AST.QuantifiableElement,
    backwards: boolean,
  ): void {
    const part: Instruction[] = [];
    this.#element(part, element, backwards);
    this.#count(part.length);
    const before = code.length;
    const after = before + part.length + 1;
    const copy = (start: number) =>
      part.map((step) => moved(step, start, after));
    code.push(...copy(before), { kind: "fail" });
    code.push(...copy(after));
  }

  /** Appends a fork whose first branch is the next instruction. */
  #fork(code: Instruction[]) {
    const fork = { kind: "fork" as const, first: code.length + 1, second: 0 };
    code.push(fork);
    return fork;
  }

  #look({ kind, alternatives }: AST.LookaroundAssertion): number {
    const ahead = kind === "lookahead";
    const single = alternatives.every(({ elements }) =>
      elements.length === 1 && isCharacter(elements[0]!)
    );
    const look = single
      ? {
        set: this.#set(alternatives.map(({ raw }) => raw).join("|")),
        code: [],
      }
      : { code: this.#machine(alternatives, ahead) };
    return this.#looks.push({ ahead, ...look }) - 1;
  }

  #set(source: string): CharacterSet {
    const known = this.#sets.get(source);
    if (known) return known;
    const set = new CharacterSet(source);
    this.#sets.set(source, set);
    return set;
  }
}

/** Moves an instruction by `by`; characters lead to the copy that starts at `after`. */
function moved(step: Instruction, by: number, after: number): Instruction {
  switch (step.kind) {
    case "take":
      return { ...step, to: step.to + after };
    case "fork":
      return { ...step, first: step.first + by, second: step.second + by };
    case "jump":
    case "look":
      return { ...step, to: step.to + by };
    default:
      return step;
  }
}

/** Whether an element can match without consuming a character. */
function isNullable(element: AST.Element): boolean {
  switch (element.type) {
    case "Quantifier":
      return element.min === 0 || isNullable(element.element);
    case "Group":
    case "CapturingGroup":
      return element.alternatives.some(({ elements }) =>
        elements.every(isNullable)
      );
    default:
      return !isCharacter(element);
  }
}

function isCharacter({ type }: AST.Element): boolean {
  return type === "Character" || type === "CharacterClass" ||
    type === "CharacterSet";
}
