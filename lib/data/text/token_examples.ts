/** Examples of tokens, and their checks before they become a batch. @module */
import { assertExamples } from "../batches/dataset.ts";
import { shown } from "@lionjs/base";

/** A sequence of tokens, of one text or two. */
export interface TypedTokens {
  /** The ids of the tokens. */
  readonly ids: ArrayLike<number>;
  /** The types of the tokens, for a model with token types. @default 0 for each */
  readonly types?: ArrayLike<number> | undefined;
}

/** A sequence of tokens with a class. */
export interface ClassifiedTokens extends TypedTokens {
  /** The class of the sequence. */
  readonly label: number;
}

/** A sequence of tokens, each with a label. */
export interface LabelledTokens extends TypedTokens {
  /** The labels of the tokens; -100 does not count. */
  readonly labels: ArrayLike<number>;
}

/** Whether examples have a class, rather than a label for each token. */
export function areClassified(
  examples: readonly (ClassifiedTokens | LabelledTokens)[],
): examples is readonly ClassifiedTokens[] {
  assertExamples(examples);
  examples.forEach((example, i) => assertList("ids", Object(example).ids, i));
  const classified = "label" in examples[0]!;
  // Labels of classes are checked where they become a tensor.
  if (classified) return true;
  examples.forEach((example, i) => {
    if (!("label" in example)) return assertList("labels", example.labels, i);
    throw new TypeError(
      `an example should have labels of its tokens, as the one at 0, got a label at ${i}`,
    );
  });
  return false;
}

/** Returns the ids of sequences that may also have types. */
export function withTypes(
  sequences: readonly (ArrayLike<number> | TypedTokens)[],
): readonly TypedTokens[] {
  assertExamples(sequences);
  return sequences.map((sequence, i) => {
    const object: unknown = sequence;
    const tokens = typeof object === "object" && object !== null &&
        !("length" in object)
      ? sequence as TypedTokens
      : { ids: sequence as ArrayLike<number> };
    assertList("ids", tokens.ids, i);
    return tokens;
  });
}

/** Returns the types of examples, one for each token. */
export function typesOf(
  examples: readonly TypedTokens[],
): ArrayLike<number>[] {
  return examples.map(({ ids, types = new Int32Array(ids.length) }, i) => {
    assertList("types", types, i);
    if (types.length === ids.length) return types;
    throw new RangeError(
      `types should be one for each of the ${ids.length} tokens of an example, got ${types.length} at ${i}`,
    );
  });
}

function assertList(
  name: string,
  value: ArrayLike<number> | undefined,
  place: number,
): void {
  if (typeof value === "object" && Number.isInteger(value?.length)) return;
  throw new TypeError(
    `an example should have ${name}, an array of numbers, got ${
      shown(value)
    } at ${place}`,
  );
}
