/** What the packages of models answer in a page, and when: each loads at its first question. */
import { useBackend } from "@lionjs/lion";
import { fill } from "@lionjs/gaps";
import { detect } from "@lionjs/languages";
import { restore } from "@lionjs/punctuation";
import { solve } from "@lionjs/sudoku";

const wave = Array.from({ length: 120 }, (_, i) => Math.sin(i / 2));
const PUZZLE =
  "530070000600195000098000060800060003400803001700020006060000280000419005000080079";

const QUESTIONS = {
  gaps: async () => {
    const holes = wave.map((value, i) => i >= 60 && i < 80 ? null : value);
    const [whole] = await fill([holes]);
    return Math.max(...whole.map((value, i) => Math.abs(value - wave[i])));
  },
  languages: () => detect(["où se trouve la gare", "где находится вокзал"]),
  punctuation: () => restore(["what is a pointer it is an address in memory"]),
  sudoku: () => solve([PUZZLE]),
};

globalThis.exercise = async () => {
  await useBackend({ prefer: ["wasm"] });
  const results = {};
  for (const [name, ask] of Object.entries(QUESTIONS)) {
    const start = performance.now();
    const answer = await ask();
    results[name] = { answer, milliseconds: performance.now() - start };
  }
  return results;
};
