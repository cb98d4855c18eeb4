/** The fields of a config.json, each checked when it is read. @module */
import { shown } from "@lionjs/base";

/** A config.json. */
export class ConfigFields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(readonly name: string, values: object) {
    this.#values = values as Record<string, unknown>;
  }

  /** A field's value, unchecked; `undefined` if it is absent or null. */
  value(field: string): unknown {
    return Object.hasOwn(this.#values, field)
      ? this.#values[field] ?? undefined
      : undefined;
  }

  count(field: string, fallback: number, least = 1): number {
    const value = this.value(field) ?? fallback;
    // A larger number could not be the length of an axis.
    if (
      Number.isInteger(value) && Number(value) >= least &&
      Number(value) < 2 ** 31
    ) return Number(value);
    throw this.wrong(field, `an integer of ${least} or more`);
  }

  /** A number of 0 or more. */
  number(field: string, fallback: number): number {
    const value = this.value(field) ?? fallback;
    if (typeof value === "number" && value >= 0 && Number.isFinite(value)) {
      return value;
    }
    throw this.wrong(field, "a number of 0 or more");
  }

  /** Reads a field that is one of some texts, and returns what this text means. */
  choice<T>(
    field: string,
    fallback: string,
    meanings: Readonly<Record<string, T>>,
  ): T {
    const value = this.value(field) ?? fallback;
    if (typeof value === "string" && Object.hasOwn(meanings, value)) {
      return meanings[value]!;
    }
    const known = Object.keys(meanings).map((text) => JSON.stringify(text));
    throw this.wrong(field, known.join(" or "));
  }

  /** Throws unless a field has the wanted value, or is absent. */
  assertIs(field: string, wanted: boolean | string, meaning: string): void {
    const value = this.value(field) ?? wanted;
    if (value === wanted) return;
    throw this.wrong(field, `${JSON.stringify(wanted)}: ${meaning}`);
  }

  /** Throws unless a list or an object is empty, or absent. */
  assertEmpty(field: string, meaning: string): void {
    const value = this.value(field);
    if (value === undefined || value === false) return;
    if (typeof value === "object" && Object.keys(value!).length === 0) return;
    throw this.wrong(field, `empty: ${meaning}`);
  }

  /** The names of the model's classes in Python. */
  get architectures(): readonly string[] {
    const value = this.value("architectures") ?? [];
    if (
      Array.isArray(value) && value.every((name) => typeof name === "string")
    ) return value;
    throw this.wrong("architectures", "a list of names");
  }

  wrong(field: string, wanted: string): RangeError {
    const value = this.value(field);
    return new RangeError(
      `${this.name} should have ${field} ${wanted}, got ${
        value === undefined ? "none" : shown(value)
      }`,
    );
  }
}
