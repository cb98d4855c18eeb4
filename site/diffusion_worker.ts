/// <reference lib="dom" />
/** Where words, digits and gaps are filled in, and texts are read; loaded when somebody asks. @module */
import { answerCalls } from "./answer_calls.ts";
import type { DiffusionCalls } from "./calls.ts";
import { start } from "./device.ts";
import { fillGaps } from "./gaps.ts";
import { hear, readText } from "./listen/reader.ts";
import { tellLanguages } from "./languages.ts";
import { restoreMarks } from "./punctuation.ts";
import { complete, fillable } from "./sentence.ts";
import { drawSudoku, fillSudoku } from "./sudoku.ts";

answerCalls<DiffusionCalls>({
  start,
  complete,
  drawSudoku,
  fillable,
  fillGaps,
  fillSudoku,
  hear,
  readText,
  restoreMarks,
  tellLanguages,
});
