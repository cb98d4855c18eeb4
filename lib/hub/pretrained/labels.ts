/** Names of classes in a config.json. @module */
import type { ConfigFields } from "./config_fields.ts";

/** The names that Hugging Face gives to classes without one. */
const NAMELESS = /^LABEL_\d+$/;

/**
 * The names of classes in the order of their numbers; `undefined` if there are
 * none. Of equal names, which ImageNet has ("crane"), the later ones get their
 * number: "crane (517)".
 */
export function classesOf(fields: ConfigFields): string[] | undefined {
  const labels = fields.value("id2label");
  if (labels === undefined) return undefined;
  const entries = typeof labels === "object" ? Object.entries(labels!) : [];
  const names = entries.map((_, i) => Object(labels)[String(i)]);
  if (
    entries.length > 0 && !Array.isArray(labels) &&
    names.every((name) => typeof name === "string")
  ) {
    if (names.every((name) => NAMELESS.test(name))) return undefined;
    const seen = new Set<string>();
    return names.map((name, i) =>
      seen.size === seen.add(name).size ? `${name} (${i})` : name
    );
  }
  throw fields.wrong("id2label", "names by numbers from 0 on");
}

/** Number of classes that a config.json of Hugging Face's says; `undefined` for none. */
export function numClassesOf(fields: ConfigFields): number | undefined {
  const labels = fields.value("id2label");
  if (labels === undefined) {
    return fields.value("num_labels") === undefined
      ? undefined
      : fields.count("num_labels", 2);
  }
  classesOf(fields);
  return Object.keys(labels!).length;
}

export function labelFields(
  classes: readonly string[],
): { id2label: Record<string, string>; label2id: Record<string, number> } {
  return {
    id2label: Object.fromEntries(classes.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
  };
}
