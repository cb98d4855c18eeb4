/** Options that select or rename tensors. @module */
import { shown } from "@lionjs/base";

/**
 * Names of tensors. A string is the name of a tensor, or of a module that
 * contains tensors: `"bert.pooler"` stands for `bert.pooler.dense.weight` and
 * its bias. A pattern may match anywhere in a name.
 */
export type TensorNames = string | RegExp | readonly (string | RegExp)[];

/** Makes a function that tests whether an option includes a name. */
export function matcher(
  option: string,
  names: boolean | TensorNames = false,
): (name: string) => boolean {
  if (typeof names === "boolean") return () => names;
  const all = [names].flat();
  const other = all.find((one) =>
    typeof one !== "string" && !(one instanceof RegExp)
  );
  if (other !== undefined) {
    throw new TypeError(
      `${option} should be true, a name, a pattern or a list of those, got ${
        shown(names)
      }`,
    );
  }
  return (name) =>
    all.some((one) =>
      typeof one === "string" ? isIn(name, one) : name.search(one) >= 0
    );
}

/** Makes a function that renames tensors. */
export function renamer(
  rename:
    | Readonly<Record<string, string>>
    | ((name: string) => string) = {},
): (name: string) => string {
  if (typeof rename === "function") {
    return (name) => {
      const renamed: unknown = rename(name);
      if (typeof renamed === "string") return renamed;
      throw new TypeError(
        `rename should return a name for ${name}, got ${renamed}`,
      );
    };
  }
  const modules = Object.entries(Object(rename) as Record<string, unknown>);
  if (
    typeof rename !== "object" || rename === null || Array.isArray(rename) ||
    modules.some(([, by]) => typeof by !== "string")
  ) {
    throw new TypeError(
      `rename should be a function, or new names by old ones such as { roberta: "bert" }, got ${
        shown(rename)
      }`,
    );
  }
  // Longer names come first, so that the innermost module applies.
  modules.sort(([a], [b]) => b.length - a.length);
  return (name) => {
    const [module, by] =
      modules.find(([module]) => module === "" || isIn(name, module)) ?? [];
    if (module === undefined) return name;
    const rest = module === "" ? `.${name}` : name.slice(module.length);
    return by === "" ? rest.slice(1) : by + rest;
  };
}

/** Whether a name is that of a module, or of something in the module. */
function isIn(name: string, module: string): boolean {
  return name === module || name.startsWith(`${module}.`);
}
