/** Models of this library, read back. @module */
import { shown } from "@lionjs/base";
import type { LionGptOptions } from "../../models/gpt.ts";
import type { ConfigFields } from "./config_fields.ts";
import { type LionModel, lionModelOf } from "./lion_config.ts";
import type { Changes, Plan } from "./plan.ts";

/** The modules of heads, as PyTorch names them. */
const HEADS = {
  "masked-language-model": ["cls.predictions"],
  classification: ["bert.pooler", "classifier"],
} as const;

/** The model that a config.json of this library stands for. */
export function lionPlan(fields: ConfigFields, changes: Changes): Plan {
  const model = lionModelOf(fields);
  const { variant } = changes;
  const own = model.options;
  // A new variant replaces the mixer or decay of the config: only one of the
  // three may be set.
  const { mixer: _, decay: __, ...others } = own;
  const weighing = variant === undefined ? own : { ...others, variant };
  const { options, initial, unused } = headOf(model, changes);
  return {
    model: {
      ...model,
      options: { ...weighing, ...positionsOf(model), ...options },
    } as LionModel,
    initial,
    unused,
  };
}

/**
 * The learned positions that a language model with softmax has by default, and
 * would lose with another variant.
 */
function positionsOf({ architecture, options }: LionModel): object {
  const { variant, position = "none", maxLength } = options as LionGptOptions;
  const hasDefault = architecture === "lionGpt" && variant === "softmax" &&
    position === "none" && maxLength === undefined;
  return hasDefault ? { maxLength: 1024 } : {};
}

/**
 * The changes for another head: options, and the modules of weights to add and
 * to leave out.
 */
function headOf(
  { architecture, options: own }: LionModel,
  { head, numClasses }: Changes,
): { options: object; initial: readonly string[]; unused: readonly string[] } {
  const same = { options: {}, initial: [], unused: [] };
  if (architecture === "lionBert") {
    const before = own.head ?? "masked-language-model";
    const after = head ?? before;
    if (numClasses !== undefined && after !== "classification") {
      throw new RangeError(
        `numClasses is for head "classification", got ${numClasses} for head "${after}"`,
      );
    }
    if (after !== before) {
      const classes = numClasses === undefined ? {} : { numClasses };
      return {
        options: { head: after, ...classes },
        initial: HEADS[after],
        unused: HEADS[before as keyof typeof HEADS] ?? [],
      };
    }
    if (numClasses === undefined || numClasses === (own.numClasses ?? 2)) {
      return same;
    }
    const changed = ["classifier"];
    return { options: { numClasses }, initial: changed, unused: changed };
  }
  if (
    head !== undefined &&
    (architecture === "lionGpt" || head !== "classification")
  ) {
    throw new RangeError(
      `head is for lionBert, got ${shown(head)} for ${architecture}`,
    );
  }
  if (numClasses === undefined) return same;
  if (architecture === "lionGpt") {
    throw new RangeError(
      `numClasses is not for lionGpt, whose head predicts the next token, got ${numClasses}`,
    );
  }
  if (numClasses === own.numClasses) return same;
  return { options: { numClasses }, initial: ["head"], unused: ["head"] };
}
