/** Tests of layers, and of tokens that ranks share, in one worker: tools/gate.ts says why. @module */
import "../layers/block_test.ts";
import "../layers/config_test.ts";
import "../layers/decay_init_test.ts";
import "../layers/direction_test.ts";
import "../layers/dropout_test.ts";
import "../layers/errors_test.ts";
import "../layers/family_mixers_test.ts";
import "../layers/fit_test.ts";
import "../layers/masking_test.ts";
import "../layers/newer_mixers_test.ts";
import "../layers/renamed_options_test.ts";
import "../layers/rivals_test.ts";
import "../layers/segments_test.ts";
import "../layers/softmax_position_test.ts";
import "../layers/steps_test.ts";
import "../ranks/attention_test.ts";
