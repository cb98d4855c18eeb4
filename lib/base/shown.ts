/** Values as error messages show them. @module */

/** The most characters of a value in a message. */
const LONGEST = 80;

/**
 * A value as messages show it: on one line and short, whatever it is. A tensor
 * is shown by its shape, since its own properties say nothing to a caller.
 */
export function shown(value: unknown): string {
  const text = textOf(value);
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST - 1)}…`;
}

/** The message of a thrown value, whether or not it is an error. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const described = instanceText(value);
  if (described) return described;
  // Cut before it is written: an array may have millions of numbers.
  if (Array.isArray(value)) {
    return `[${value.slice(0, LONGEST).map(partText).join(",")}]`;
  }
  const parts = Object.entries(value).slice(0, LONGEST).map(([name, part]) =>
    `${JSON.stringify(name)}:${partText(part)}`
  );
  return `{${parts.join(",")}}`;
}

/** A value within another one; of what it contains itself, only the kind. */
function partText(part: unknown): string {
  if (typeof part !== "object" || part === null) return textOf(part);
  return instanceText(part) ??
    (Array.isArray(part) && part.length <= 4
      ? `[${
        part.map((x) => typeof x === "object" ? "…" : textOf(x)).join(",")
      }]`
      : Array.isArray(part)
      ? `an array of ${part.length}`
      : "{…}");
}

/** The text of an instance of a class, which JSON would take apart. */
function instanceText(value: object): string | undefined {
  const { shape, dtype } = value as { shape?: unknown; dtype?: unknown };
  if (Array.isArray(shape) && typeof dtype === "string") {
    return `a tensor of shape [${shape.join(", ")}]`;
  }
  const { constructor } = value;
  if (
    Array.isArray(value) || typeof constructor !== "function" ||
    constructor === Object
  ) {
    return undefined;
  }
  return `an object of the class ${constructor.name || "without a name"}`;
}
