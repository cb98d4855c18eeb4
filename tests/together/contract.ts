/** Tests of what functions agree on, in one worker: tools/gate.ts says why. @module */
import "../contract/abort_test.ts";
import "../contract/backpropagation_test.ts";
import "../contract/kernel_test.ts";
import "../contract/kinds_test.ts";
import "../contract/optional_package_test.ts";
import "../contract/options_test.ts";
import "../contract/plain_tensors_test.ts";
import "../contract/recorded_run_test.ts";
import "../contract/shown_test.ts";
import "../contract/undefined_options_test.ts";
import "../contract/version_test.ts";
import "../contract/wrong_calls_test.ts";
