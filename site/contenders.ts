/** What is compared. @module */
import type { ConcreteForm } from "@lionjs/lion";

/** The forms of LION, which compute the same. */
export const FORMS = [
  "full",
  "recurrent",
  "blockwise",
  "chunkwise",
] as const satisfies readonly ConcreteForm[];

/** One of them. */
export type Form = typeof FORMS[number];

/** The forms, and softmax attention. */
export const CONTENDERS = [...FORMS, "softmax"] as const;

/** One of them. */
export type Contender = typeof CONTENDERS[number];
