/**
 * The label that losses and metrics ignore, as in PyTorch.
 *
 * @example Only the second token counts
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type LabelledTokens, IGNORE_INDEX } from "@lionjs/lion/data";
 *
 * const example: LabelledTokens = { ids: [1, 2], labels: [IGNORE_INDEX, 7] };
 * assertEquals(example.labels[0], -100);
 * ```
 */
export const IGNORE_INDEX: number = -100;
