/** Tests of all kernels under TensorFlow.js, in one worker: tools/gate.ts says why. @module */
import "../kernels/memory_failure_test.ts";
import "../tfjs/empty_tensors_test.ts";
import "../tfjs/gather_test.ts";
import "../tfjs/integers_test.ts";
import "../tfjs/kernel/backpropagation_test.ts";
import "../tfjs/kernel/kernel_test.ts";
import "../tfjs/optimizers/adam_test.ts";
import "../tfjs/optimizers/tfjs_optimizers_test.ts";
import "../tfjs/optimizers/rules_test.ts";
import "../tfjs/record/recorded_kernels_test.ts";
import "../tfjs/record/recorded_run_test.ts";
import "../tfjs/replaced_test.ts";
import "../tfjs/replaced_types_test.ts";
