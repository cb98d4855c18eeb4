import { byCodePoint } from "@lionjs/data/batches";
import { assertClassCount } from "@lionjs/data/images";

/** The classes of the images for validation, which lie in one folder or tar. */
export interface ValidationLabels {
  /** The file that has them. */
  readonly source: string;
  /** The WordNet IDs of all classes, sorted. */
  readonly classes: readonly string[];
  /** The label of each image by its name, without `.JPEG`. */
  readonly labels: ReadonlyMap<string, number>;
}

/** Images in the order of folders for the classes: by class, and then by name. */
export interface OrderedImages {
  /** The places of the images among the names. */
  readonly places: Uint32Array;
  readonly labels: Uint16Array;
}

/**
 * Gives images their labels.
 *
 * @param names The names of the files, sorted.
 * @throws {Error} If there is an image without a label, or a label without an image.
 */
export function withLabels(
  names: Iterable<string>,
  { source, classes, labels }: ValidationLabels,
  owner: string,
): OrderedImages {
  assertClassCount(classes.length);
  const found: [place: number, label: number][] = [];
  const missing = new Set(labels.keys());
  for (const name of names) {
    const image = name.replace(/\.[^.]*$/, "");
    const label = labels.get(image);
    if (label === undefined) {
      throw new Error(
        `${owner} has the image ${name}, and ${source} has no class for it: it has those of ${labels.size} images; get both from one source`,
      );
    }
    if (!missing.delete(image)) {
      throw new Error(
        `${owner} should have each image once, got ${image} twice, the second as ${name}; remove one`,
      );
    }
    found.push([found.length, label]);
  }
  const [one] = missing;
  if (one !== undefined) {
    throw new Error(
      `${owner} should have ${labels.size} images, by ${source}, got ${found.length}, and none for ${one}; unpack or download it again`,
    );
  }
  // Sorting keeps the order of those with one label.
  found.sort(([, a], [, b]) => a - b);
  return {
    places: Uint32Array.from(found, ([place]) => place),
    labels: Uint16Array.from(found, ([, label]) => label),
  };
}

/**
 * Throws unless classes of two sources are the same: a label would be one class here
 * and another there.
 */
export function assertSameClasses(
  first: { readonly source: string; readonly classes: readonly string[] },
  second: { readonly source: string; readonly classes: readonly string[] },
): void {
  const only = (some: readonly string[], others: readonly string[]) => {
    const known = new Set(others);
    return some.filter((name) => !known.has(name)).sort(byCodePoint)[0];
  };
  for (const [here, there] of [[first, second], [second, first]] as const) {
    const name = only(here.classes, there.classes);
    if (name === undefined) continue;
    throw new Error(
      `${here.source} has the class ${name}, and ${there.source} does not: a label would be another class in each; take both from one source`,
    );
  }
}
