/** The fuzzer's first cases, early since they take long: tools/gate.ts says why. @module */
import "../fuzz/fuzz_test.ts";
