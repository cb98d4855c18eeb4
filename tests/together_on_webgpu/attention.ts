/** Tests of attention on WebGPU, in one worker: tests/parted_rooms.ts says why. @module */
import "../together/subjects.ts";
import "../together/attention.ts";
import "../together/sequences.ts";
import "../together/family.ts";
import "../together/kernels.ts";
