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
  const names = Object.keys(types);
  const bytes = new ArrayBuffer(16 * Math.ceil(names.length / 4));
  // Every host of WebGPU has the least of a word's bytes first, as WGSL's memory does.
  const integers = new Uint32Array(bytes), floats = new Float32Array(bytes);
  names.forEach((name, i) =>
    (types[name] === "u32" ? integers : floats)[i] = values[name]!
  );
  return bytes;
}
