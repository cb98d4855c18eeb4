/** Tests of operations, in one worker: tools/gate.ts says why. @module */
import "../operations/operations_test.ts";
import "../operations/selective_scan_test.ts";
import "../operations/short_convolution_test.ts";
import "../operations/types_test.ts";
import "../operations/uniform_test.ts";
