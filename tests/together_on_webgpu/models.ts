/** Tests of models on WebGPU, in one worker: tests/parted_rooms.ts says why. @module */
import "../together/layers.ts";
import "../together/models.ts";
import "../together/training.ts";
