/** Tests of recipes, in one worker: tools/gate.ts says why. @module */
import "../own_data/rate_search_test.ts";
import "../recipes/bars_test.ts";
import "../recipes/byte_baselines_test.ts";
import "../recipes/needed_files_test.ts";
import "../recipes/paper_text_parts_test.ts";
import "../recipes/paper_text_recipes_test.ts";
import "../recipes/parts_test.ts";
import "../recipes/pathfinder_test.ts";
import "../recipes/protocol_test.ts";
import "../recipes/recipes_test.ts";
import "../recipes/report_test.ts";
import "../recipes/selective_copying_test.ts";
import "../recipes/statistics_test.ts";
import "../recipes/verdicts_test.ts";
import "../recipes/vision_teacher_test.ts";
