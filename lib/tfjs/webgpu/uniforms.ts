/** The numbers that change from call to call: their declaration and their bytes. @module */

/** Numbers by name, in the order of the struct. */
export type UniformTypes = Readonly<Record<string, "u32" | "f32">>;

/** The declaration of the uniforms' struct in WGSL. */
export function declareUniforms(name: string, types: UniformTypes): string {
  const members = Object.entries(types)
    .map(([member, type]) => `  ${member}: ${type},`);
  return `struct ${name} {\n${members.join("\n")}\n}\n`;
}

/** The bytes of the uniforms' struct, in whole vectors of 16. */
export function packUniforms<Types extends UniformTypes>(
  types: Types,
  values: { readonly [name in keyof Types]: number },
): ArrayBuffer {
  const entries = Object.entries(types);
  const bytes = new DataView(
    new ArrayBuffer(16 * Math.ceil(entries.length / 4)),
  );
  entries.forEach(([name, type], i) =>
    type === "u32"
      ? bytes.setUint32(4 * i, values[name]!, true)
      : bytes.setFloat32(4 * i, values[name]!, true)
  );
  return bytes.buffer;
}
