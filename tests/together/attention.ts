/** Tests of attention, in one worker: tools/gate.ts says why. @module */
import "../attention/delta_attention_test.ts";
import "../attention/delta_step_test.ts";
import "../attention/diagonal_decay_test.ts";
import "../attention/errors_test.ts";
import "../attention/fixtures_test.ts";
import "../attention/forms_test.ts";
import "../attention/joined_heads_test.ts";
import "../attention/memory_test.ts";
import "../attention/orders_test.ts";
import "../attention/shared_test.ts";
import "../attention/softmax_attention_test.ts";
import "../attention/transition_test.ts";
