/** The shader that a device's errors name, by the messages of each implementation. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { reported } from "../../../lib/tfjs/webgpu/gpu_error.ts";

/** Messages, by the implementation and the call that failed. */
const MESSAGES: Readonly<Record<string, string>> = {
  "naga, parsing":
    "Shader 'CumProgram' parsing error: no definition in scope for identifier: " +
    "`notAFunction`\n  ┌─ wgsl:1:48",
  "wgpu, a pipeline": "ShaderModule with 'CumProgram' label is invalid",
  "Dawn, parsing":
    "Error while parsing WGSL: :26:30 error: unresolved call target " +
    "'notAFunction'\n    result[index] = notAFunction(index);\n" +
    "                    ^^^^^^^^^^^^\n\n - While validating " +
    '[ShaderModuleDescriptor "CumProgram"]\n - While calling ' +
    '[Device].CreateShaderModule([ShaderModuleDescriptor "CumProgram"]).',
  "Dawn, a module":
    '[Invalid ShaderModule "CumProgram"] is invalid.\n - While validating ' +
    'compute stage ([Invalid ShaderModule "CumProgram"], entryPoint: "main").\n' +
    " - While calling [Device].CreateComputePipeline(" +
    '[ComputePipelineDescriptor ""CumProgram""]).',
  "Dawn, a pipeline":
    "Entry point's workgroup memory is over the limit.\n - While calling " +
    "[Device].CreateComputePipeline([ComputePipelineDescriptor " +
    '""CumProgram""]).',
  "Dawn, a bind group":
    "Binding size (512) is over the limit.\n - While calling " +
    '[Device].CreateBindGroup([BindGroupDescriptor ""CumProgram""]).',
};

for (const [source, message] of Object.entries(MESSAGES)) {
  Deno.test(`an error names its shader: ${source}`, () => {
    const other = { message: "[Buffer (unlabeled)] is destroyed. " };
    const error = reported([other, { message }]);
    assertEquals(error.shader, "CumProgram");
    assertStringIncludes(error.message, "2 errors in shader CumProgram, so");
    assertStringIncludes(error.message, message);
  });
}

Deno.test("an error of no shader names none", () => {
  for (
    const message of [
      "[ComputePipeline (unlabeled)] is invalid.",
      '[Invalid Buffer "values"] is invalid.',
      "Not enough memory left.",
    ]
  ) {
    const error = reported([{ message }]);
    assertEquals(error.shader, undefined);
    assertStringIncludes(error.message, "reported an error, so the result");
  }
});
