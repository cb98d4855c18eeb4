/** Tests of ONNX, in one worker: tools/gate.ts says why. @module */
import "../onnx/file_test.ts";
import "../onnx/folder_test.ts";
