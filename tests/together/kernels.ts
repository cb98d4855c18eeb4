/** Tests of kernels on all backends, in one worker: tools/gate.ts says why. @module */
import "../kernels/attention_test.ts";
import "../kernels/channels_test.ts";
import "../kernels/delta_attention_test.ts";
import "../kernels/gradient_chunk_test.ts";
import "../kernels/host_cases_test.ts";
import "../kernels/numbers_test.ts";
import "../kernels/softmax_attention_test.ts";
import "../kernels/tuning_test.ts";
