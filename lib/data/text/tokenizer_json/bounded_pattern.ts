/** Regular expressions that run in linear time. @module */
import {
  compilePattern,
  type Instruction,
  type Look,
  type Program,
} from "./pattern_program.ts";

/**
 * A regular expression with the flags `gu` whose time is at most proportional
 * to the length of the text times that of the expression. It finds the same
 * matches as a `RegExp`, which may take exponential time, but has no groups.
 *
 * It backtracks in the same order, but never tries a step twice at a position:
 * what has failed there once fails again, whatever has led there.
 *
 * Sources: Cox 2010, "Regular Expression Matching in the Wild" (the backtracker
 * with a bit state of RE2); Davis et al. 2021, "Using Selective Memoization to
 * Defeat Regular Expression Denial of Service".
 */
export class BoundedPattern extends RegExp {
  readonly #program: Program;
  #search: Search | undefined;

  constructor(pattern: string | BoundedPattern, flags = "gu") {
    // `String.prototype.split` constructs a copy from a pattern.
    const ours = pattern instanceof BoundedPattern;
    super(ours ? pattern.source : pattern, flags);
    this.#program = ours ? pattern.#program : compilePattern(pattern);
  }

  /** Finds the next match; all search methods of strings call it. */
  override exec(text: string): RegExpExecArray | null {
    const from = this.lastIndex;
    if (this.#search?.text !== text || from < this.#search.from) {
      this.#search = new Search(this.#program, text, from);
    }
    const last = this.sticky ? from : text.length;
    for (let start = from; start <= last && start <= text.length;) {
      const end = this.#search.end(start);
      if (end >= 0) {
        this.lastIndex = end;
        return Object.assign([text.slice(start, end)] as [string], {
          index: start,
          input: text,
        });
      }
      start += widthAt(text, start);
    }
    this.lastIndex = 0;
    if (!this.sticky) this.#search = undefined;
    return null;
  }
}

/** Number of text positions in a block, whose failures are kept and forgotten together. */
const PLACES = 1024;

/** A search for matches in a text, from left to right. */
class Search {
  readonly text: string;
  /** The position from which matches may start; failures before it are forgotten. */
  from: number;
  readonly #code: readonly Instruction[];
  readonly #looks: readonly Found[];
  /** The number of each instruction that several others lead to, and -1 for the rest. */
  readonly #joins: Int32Array;
  readonly #joinCount: number;
  /** Bits of the numbered instructions that were tried, per block of positions. */
  readonly #reached: (Uint32Array | undefined)[] = [];
  readonly #pending: number[] = [];

  constructor({ code, looks }: Program, text: string, from: number) {
    this.text = text;
    this.from = from;
    this.#code = code;
    const found: Found[] = [];
    for (const look of looks) found.push(finder(look, text, found));
    this.#looks = found;
    const joins = joinsOf(code);
    this.#joins = joins.numbers;
    this.#joinCount = joins.count;
  }

  /** Returns the end of the match that starts at a position, or -1. */
  end(start: number): number {
    const { text } = this;
    const code = this.#code;
    const pending = this.#pending;
    pending.push(0, start);
    while (pending.length > 0) {
      let place = pending.pop()!;
      let at = pending.pop()!;
      while (this.#isNew(at, place)) {
        const step = code[at]!;
        if (step.kind === "take") {
          if (place >= text.length) break;
          const character = text.codePointAt(place)!;
          if (!step.set.has(character)) break;
          place += character > 0xffff ? 2 : 1;
          at = step.to;
        } else if (step.kind === "fork") {
          pending.push(step.second, place);
          at = step.first;
        } else if (step.kind === "jump") {
          at = step.to;
        } else if (step.kind === "look") {
          if (this.#looks[step.look]!(place) !== step.wanted) break;
          at = step.to;
        } else if (step.kind === "fail") {
          break;
        } else {
          pending.length = 0;
          this.#moveTo(place);
          return place;
        }
      }
    }
    return -1;
  }

  /** Whether an instruction is new at a position; only numbered ones are remembered. */
  #isNew(at: number, place: number): boolean {
    const join = this.#joins[at]!;
    if (join < 0) return true;
    const block = Math.floor(place / PLACES);
    const bits = this.#reached[block] ??= new Uint32Array(
      Math.ceil(PLACES * this.#joinCount / 32),
    );
    const bit = (place % PLACES) * this.#joinCount + join;
    const word = bits[bit >>> 5]!;
    const mask = 1 << (bit & 31);
    if (word & mask) return false;
    bits[bit >>> 5] = word | mask;
    return true;
  }

  /** Forgets what was tried before a position, and at it on the way to the match. */
  #moveTo(place: number): void {
    const block = Math.floor(place / PLACES);
    for (let i = Math.floor(this.from / PLACES); i < block; i++) {
      delete this.#reached[i];
    }
    this.from = place;
    const bits = this.#reached[block];
    if (!bits) return;
    const first = (place % PLACES) * this.#joinCount;
    for (let bit = first; bit < first + this.#joinCount; bit++) {
      bits[bit >>> 5]! &= ~(1 << (bit & 31));
    }
  }
}

/** Numbers the first instruction, tried from every position, and those that several lead to. */
function joinsOf(code: readonly Instruction[]) {
  const ways = new Int32Array(code.length);
  ways[0] = 2;
  for (const step of code) {
    if ("to" in step) ways[step.to]!++;
    if (step.kind !== "fork") continue;
    ways[step.first]!++;
    ways[step.second]!++;
  }
  let count = 0;
  const numbers = ways.map((ways) => ways > 1 ? count++ : -1);
  return { numbers, count };
}

/** Whether the content of a lookaround matches at a position. */
type Found = (place: number) => boolean;

function finder(
  { ahead, set, code }: Look,
  text: string,
  inner: readonly Found[],
): Found {
  if (!set) {
    const places = placesOf(ahead, code, text, [...inner]);
    return (place) => places[place] === 1;
  }
  return (place) => {
    const character = characterBeside(text, place, ahead);
    return character !== undefined && set.has(character);
  };
}

/**
 * Marks the positions where a lookaround matches. It passes through the text
 * once, backwards for a lookahead, with all instructions that a match begun at
 * any earlier position may have reached.
 */
function placesOf(
  ahead: boolean,
  code: readonly Instruction[],
  text: string,
  looks: readonly Found[],
): Uint8Array {
  const places = new Uint8Array(text.length + 1);
  const seen = new Int32Array(code.length).fill(-1);
  let reached: number[] = [];
  let place = ahead ? text.length : 0;
  while (true) {
    const pending = [...reached, 0];
    const takers: Extract<Instruction, { kind: "take" }>[] = [];
    while (pending.length > 0) {
      const at = pending.pop()!;
      if (seen[at] === place) continue;
      seen[at] = place;
      const step = code[at]!;
      if (step.kind === "take") takers.push(step);
      else if (step.kind === "jump") pending.push(step.to);
      else if (step.kind === "fork") pending.push(step.first, step.second);
      else if (step.kind === "match") places[place] = 1;
      else if (step.kind === "look") {
        if (looks[step.look]!(place) === step.wanted) pending.push(step.to);
      }
    }
    const character = characterBeside(text, place, !ahead);
    if (character === undefined) return places;
    reached = takers.filter(({ set }) => set.has(character))
      .map(({ to }) => to);
    const width = character > 0xffff ? 2 : 1;
    place += ahead ? -width : width;
  }
}

/** The character after a position, or before it. */
function characterBeside(
  text: string,
  place: number,
  after: boolean,
): number | undefined {
  if (after) return text.codePointAt(place);
  const last = text.codePointAt(place - 1);
  if (last === undefined || last < 0xdc00 || last > 0xdfff) return last;
  const pair = text.codePointAt(place - 2);
  return pair !== undefined && pair > 0xffff ? pair : last;
}

function widthAt(text: string, place: number): number {
  return text.codePointAt(place)! > 0xffff ? 2 : 1;
}
