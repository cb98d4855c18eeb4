/** Tests of benchmarks, in one worker: tools/gate.ts says why. @module */
import "../bench/attention_bench_test.ts";
import "../bench/attention_loop_test.ts";
import "../bench/bounds_test.ts";
import "../bench/line_test.ts";
import "../bench/mixers_test.ts";
import "../bench/pack_test.ts";
import "../bench/peers_test.ts";
import "../bench/rank_job_test.ts";
import "../bench/report_test.ts";
import "../bench/scan_loop_test.ts";
import "../bench/single_operations_test.ts";
import "../bench/views_test.ts";
import "../bench/measure/timing_test.ts";
