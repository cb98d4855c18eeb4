/** Tests of the hub, in one worker: tools/gate.ts says why. @module */
import "../hub/config_fuzz_test.ts";
import "../hub/for_python_test.ts";
import "../hub/hub_test.ts";
import "../hub/listing_fuzz_test.ts";
import "../hub/package_test.ts";
import "../hub/preprocessing_test.ts";
import "../hub/pretrained_test.ts";
import "../hub/rwkv7_test.ts";
import "../hub/saving_test.ts";
import "../hub/transfer_test.ts";
