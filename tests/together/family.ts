/** Tests of the family and of optimizers, in one worker: tools/gate.ts says why. @module */
import "../family/family_test.ts";
import "../family/forgetting_attention_test.ts";
import "../family/initial_decay_test.ts";
import "../family/shapes_test.ts";
import "../optimizers/adam_test.ts";
import "../optimizers/tfjs_optimizers_test.ts";
