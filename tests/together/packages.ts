/** Tests of model packages, in one worker: tools/gate.ts says why. @module */
import "../packages/gaps/package_test.ts";
import "../packages/gaps/series_test.ts";
import "../packages/languages/package_test.ts";
import "../packages/languages/text_test.ts";
import "../packages/models_test.ts";
import "../packages/punctuation/package_test.ts";
import "../packages/punctuation/text_test.ts";
import "../packages/sudoku/package_test.ts";
import "../packages/sudoku/puzzles_test.ts";
