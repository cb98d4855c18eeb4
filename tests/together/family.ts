/** Tests of the family, in one worker: tools/gate.ts says why. @module */
import "../family/equalities_test.ts";
import "../family/family_test.ts";
import "../family/forgetting_attention_test.ts";
import "../family/initial_decay_test.ts";
import "../family/log_linear_test.ts";
import "../family/mamba3_test.ts";
import "../family/shapes_test.ts";
import "../family/state_tracking_test.ts";
import "../family/transition_equalities_test.ts";
