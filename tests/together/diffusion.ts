/** Tests of masked diffusion, in one worker: tools/gate.ts says why. @module */
import "../diffusion/blocks_test.ts";
import "../diffusion/bound_test.ts";
import "../diffusion/collate_test.ts";
import "../diffusion/unmask_test.ts";
