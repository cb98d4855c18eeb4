/** Tests of figures, pages, proofs and progress, in one worker: tools/gate.ts says why. @module */
import "../notebook/charts_test.ts";
import "../notebook/curves_test.ts";
import "../notebook/drawing_test.ts";
import "../notebook/options_test.ts";
import "../notebook/progress/progress_test.ts";
import "../proof/field_test.ts";
import "../proof/identity_test.ts";
import "../proof/matrix_test.ts";
import "../proof/members_test.ts";
import "../proof/theorems_test.ts";
import "../proof/transition_test.ts";
import "../site/computer_test.ts";
import "../site/digits_test.ts";
import "../site/documents_test.ts";
import "../site/notebooks_test.ts";
import "../site/own_data_test.ts";
import "../site/sentence_test.ts";
