/** Tests of what all entries agree on, in one worker: tools/gate.ts says why. @module */
import "../base/abort_test.ts";
import "../base/optional_package_test.ts";
import "../base/options_test.ts";
import "../base/shown_test.ts";
import "../base/version_test.ts";
import "../entries/kinds_test.ts";
import "../entries/plain_tensors_test.ts";
import "../entries/undefined_options_test.ts";
import "../entries/wrong_calls_test.ts";
