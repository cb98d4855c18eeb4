/** Tests of files of tensors, in one worker: tools/gate.ts says why. @module */
import "../io/atomic_write_test.ts";
import "../io/file_handler_test.ts";
import "../io/float16_test.ts";
import "../io/full_disk_test.ts";
import "../io/int8_test.ts";
import "../io/links_test.ts";
import "../io/pytorch_options_test.ts";
import "../io/pytorch_test.ts";
import "../io/rwkv7_test.ts";
import "../io/safetensors_fuzz_test.ts";
import "../io/safetensors_hostile_test.ts";
import "../io/safetensors_test.ts";
