/** The languages that the model tells apart. @module */

/** Their codes by ISO 639-3, in the order of the model's classes. */
export const LANGUAGES: readonly string[] = [
  ...["afr", "ara", "ast", "aze", "bel", "ben", "bre", "bul", "cat", "ces"],
  ...["cmn", "cym", "dan", "deu", "ell", "eng", "epo", "est", "eus", "fas"],
  ...["fin", "fra", "gla", "gle", "glg", "guj", "heb", "hin", "hrv", "hun"],
  ...["hye", "ind", "isl", "ita", "jpn", "kan", "kat", "kaz", "khm", "kor"],
  ...["kur", "lav", "lit", "mal", "mar", "mkd", "mon", "mya", "nep", "nld"],
  ...["nno", "nob", "oci", "pan", "pol", "por", "ron", "rus", "sin", "slk"],
  ...["slv", "spa", "sqi", "srp", "swe", "tam", "tel", "tgk", "tha", "tur"],
  ...["uig", "ukr", "urd", "uzb", "vie", "xho"],
];
