/** The modules that the cpu backend loads when it first starts, as one. @module */
import "@tensorflow/tfjs-backend-cpu";

export { CPU } from "../replaced/cpu.ts";
