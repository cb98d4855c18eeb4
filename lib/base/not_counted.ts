/**
 * The label that losses and metrics ignore, as in PyTorch.
 *
 * @example Only the second token counts
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type LabelledTokens, NOT_COUNTED } from "@lionjs/lion/data";
 *
 * const example: LabelledTokens = { ids: [1, 2], labels: [NOT_COUNTED, 7] };
 * assertEquals(example.labels[0], -100);
 * ```
 */
export const NOT_COUNTED: number = -100;
