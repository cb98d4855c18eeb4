/** The plan for a config.json. @module */
import { bertPlan } from "./bert_plan.ts";
import type { ConfigFields } from "./config_fields.ts";
import { gpt2Plan } from "./gpt2_plan.ts";
import { lionPlan } from "./lion_plan.ts";
import type { Changes, Plan } from "./plan.ts";
import { rwkv7Plan } from "./rwkv7_plan.ts";
import { vitPlan } from "./vit_plan.ts";

/** The model that a config.json stands for, with what the caller changes. */
export function planOf(fields: ConfigFields, changes: Changes): Plan {
  const plan = fields.choice("model_type", "", {
    lion: lionPlan,
    bert: bertPlan,
    gpt2: gpt2Plan,
    rwkv7: rwkv7Plan,
    vit: vitPlan,
  });
  return plan(fields, changes);
}
