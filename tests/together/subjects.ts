/** Tests of what all subjects have, in one worker: tools/gate.ts says why. @module */
import "../subjects/operations_test.ts";
import "../subjects/options_test.ts";
import "../subjects/oracle_test.ts";
import "../subjects/second_derivatives_test.ts";
