/** What the model reads of a text: its letters in lower case, and where words begin. @module */

/** All but letters, their marks, the joiners of scripts that need them, and apostrophes. */
const OTHERS = /[^\p{L}\p{M}\u200c\u200d']+/gu;

/**
 * The letters of a text: composed (NFC), in lower case, with one space for everything
 * else. A text without letters has none, not even a space.
 */
export function lettersOf(text: string): string {
  return text.normalize("NFC").toLowerCase().replaceAll(/[‘’ʻʼ`´]/g, "'")
    .replaceAll(OTHERS, " ").trim();
}
