/** Tests of TensorFlow.js with our kernels, in one worker: tools/gate.ts says why. @module */
import "../tfjs/empty_tensors_test.ts";
import "../tfjs/gather_test.ts";
import "../tfjs/integers_test.ts";
import "../tfjs/kernel/backpropagation_test.ts";
import "../tfjs/kernel/kernel_test.ts";
import "../tfjs/optimizers/adam_test.ts";
import "../tfjs/optimizers/tfjs_optimizers_test.ts";
import "../tfjs/record/recorded_run_test.ts";
import "../tfjs/replaced_test.ts";
