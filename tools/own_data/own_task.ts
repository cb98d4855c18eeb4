import type { Batch, BatchStream } from "@lionjs/lion/data";
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** A model, and the data that it learns from, is chosen by, and is tested on. */
export interface OwnTask {
  /** What the examples are, for people: "images", "texts". */
  readonly examples: string;
  readonly classes: readonly string[];
  /** The number of examples to train on, to choose by, and to test on. */
  readonly sizes: readonly [train: number, validation: number, test: number];
  readonly model: LayersModel;
  readonly train: BatchStream;
  validation(): AsyncIterable<Batch>;
  test(): AsyncIterable<Batch>;
  /** What was passed over because it is damaged, and why. */
  bad(): readonly string[];
  /** The most passes over the data, unless the command line says. */
  readonly epochs: number;
  /** Files that a program needs besides the model, by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** Throws if a part has classes that are not trained on. */
export function assertTrainedClasses(
  part: string,
  labels: Iterable<string>,
  classes: readonly string[],
): void {
  const others = [...new Set(labels)].filter((label) =>
    !classes.includes(label)
  );
  if (others.length === 0) return;
  throw new RangeError(
    `${part} should have classes that are trained on (${
      shortened(classes)
    }), got ${shortened(others)}`,
  );
}

/** Names in a line, some of them where there are many. */
export function shortened(names: readonly string[]): string {
  return names.length > 8
    ? `${names.slice(0, 6).join(", ")}, …, ${names.at(-1)}`
    : names.join(", ");
}
