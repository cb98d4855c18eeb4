/** Trainings that are killed, early since they take long: tools/gate.ts says why. @module */
import "../training/crash_test.ts";
