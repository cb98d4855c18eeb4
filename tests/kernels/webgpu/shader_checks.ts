/** What the text of a shader must be, whoever generates it. @module */
import { assert, assertEquals } from "@std/assert";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import type { Shader } from "../../../lib/tfjs/webgpu/shader.ts";
import { constantsOf, valueOf } from "../../../lib/tfjs/webgpu/wgsl.ts";
import { useBackend } from "../../../mod.ts";
import * as tf from "@tensorflow/tfjs-core";
import {
  BACKENDS,
  GUARANTEED_BUFFERS,
  storageBuffersOf,
} from "../../backends.ts";

/**
 * Throws unless shaders have the same text where they have the same key, and
 * only there, and declare no more storage buffers than every device binds.
 *
 * @returns A shader of each key.
 */
export function distinctShaders(shaders: Iterable<Shader>): Shader[] {
  const byKey = new Map<string, { shader: Shader; code: string }>();
  for (const shader of shaders) {
    const code = shader.code();
    const buffers = storageBuffersOf(code);
    assert(
      buffers <= GUARANTEED_BUFFERS,
      `${shader.key} binds ${buffers} storage buffers`,
    );
    const known = byKey.get(shader.key);
    if (known) assertEquals(known.code, code);
    else byKey.set(shader.key, { shader, code });
  }
  const all = [...byKey.values()];
  assertEquals(new Set(all.map(({ code }) => code)).size, all.length);
  return all.map(({ shader }) => shader);
}

/** Memory of a workgroup that a text declares. */
export function workgroupBytes(code: string): number {
  const sizes: Record<string, number> = {
    f32: 4,
    vec2f: 8,
    vec3f: 16,
    vec4f: 16,
  };
  const constants = constantsOf(code);
  return [...code.matchAll(/var<workgroup> \w+: array<(\w+), ([^>]+)>/g)]
    .reduce(
      (sum, [, type, count]) =>
        sum + sizes[type!]! * valueOf(count!, constants),
      0,
    );
}

/** Whether Dawn's adapter computes nothing, and has all features: each text is for it. */
const TAKES_ALL = Deno.env.get("LION_DAWN") === "null";

/**
 * The text as a device's compiler knows it, or undefined if it lacks what the
 * text needs.
 */
function textFor(
  { device, subgroups }: StrictWebGPUBackend,
  code: string,
): string | undefined {
  if (TAKES_ALL) return code;
  if (code.includes("enable f16;") && !device.features.has("shader-f16")) {
    return undefined;
  }
  const directive = "enable subgroups;\n";
  return code.includes(directive) && !subgroups
    ? undefined
    : code.replace(directive, subgroups?.directive ?? "");
}

/**
 * Registers a test that the device's compiler takes every shader. No pipeline is
 * made, which would take a software adapter seconds for each, except on Dawn's
 * adapter that computes nothing.
 *
 * @param of Whose shaders they are.
 * @param shaders All variants, of a device that has such limits.
 */
export function testCompiling(
  of: string,
  shaders: (limits: GPUSupportedLimits) => Iterable<Shader>,
): void {
  Deno.test({
    name: `shaders of ${of} compile in every variant [webgpu]`,
    ignore: !BACKENDS.includes("webgpu"),
    fn: async () => {
      await useBackend({ prefer: ["webgpu"] });
      const backend = tf.backend() as StrictWebGPUBackend;
      const { device } = backend;
      for (
        const { key, code } of distinctShaders(
          shaders(device.limits),
        )
      ) {
        const text = textFor(backend, code());
        if (text === undefined) continue;
        device.pushErrorScope("validation");
        const module = device.createShaderModule({ code: text });
        if (TAKES_ALL) {
          device.createComputePipeline({ layout: "auto", compute: { module } });
        }
        const error = await device.popErrorScope();
        assertEquals(error?.message, undefined, key);
      }
    },
  });
}
