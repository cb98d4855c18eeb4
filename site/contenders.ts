/** What is compared. @module */

/** The forms of LION, which compute the same. */
export const FORMS = ["full", "recurrent", "blockwise", "chunkwise"] as const;

/** One of them. */
export type Form = typeof FORMS[number];

/** The forms, and softmax attention. */
export const CONTENDERS = [...FORMS, "softmax"] as const;

/** One of them. */
export type Contender = typeof CONTENDERS[number];
