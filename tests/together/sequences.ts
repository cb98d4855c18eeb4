/** Tests of sequences that are hidden in part, packed or in pieces, in one worker: tools/gate.ts says why. @module */
import "../attention/nan_test.ts";
import "../attention/padding_test.ts";
import "../attention/piece_test.ts";
import "../attention/properties_test.ts";
import "../attention/segments_test.ts";
import "../attention/stateful_test.ts";
import "../attention/stream_course_test.ts";
import "../attention/stream_errors_test.ts";
import "../attention/stream_test.ts";
