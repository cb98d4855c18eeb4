/** Tests of the family and of optimizers, in one worker: tools/gate.ts says why. @module */
import "../family/equalities_test.ts";
import "../family/family_test.ts";
import "../family/initial_decay_test.ts";
import "../family/mamba3_test.ts";
import "../family/shapes_test.ts";
import "../optimizers/adam_test.ts";
import "../optimizers/tfjs_optimizers_test.ts";
