/** Tests of ONNX, in one worker: tools/gate.ts says why. @module */
import "../onnx/export_test.ts";
import "../onnx/file_test.ts";
import "../onnx/folder_test.ts";
import "../onnx/models_test.ts";
import "../onnx/rules_test.ts";
