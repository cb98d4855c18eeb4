/** WGSL functions that read and write a matrix four columns at a time. @module */
import type { PackWidth } from "../program.ts";

/**
 * WGSL function `read_<role>`: four columns of a row, 0 where the row has no more columns.
 *
 * @param name The tensor, which is bound as packs of this width.
 * @param dim The uniform that says how many columns it has.
 */
export function reading(
  name: string,
  dim: string,
  width: PackWidth,
  role: string = name,
): string {
  const head = `fn read_${role}(row: u32, vec: u32) -> vec4f {`;
  if (width === 4) {
    return `${head} return ${name}[row * (uniforms.${dim} / 4u) + vec]; }\n`;
  }
  const number = (i: number) =>
    `select(0.0, ${name}[first + ${i}u], column + ${i}u < uniforms.${dim})`;
  return /* wgsl */ `${head}
  let column = 4u * vec;
  let first = row * uniforms.${dim} + column;
  return vec4f(${[0, 1, 2, 3].map(number).join(", ")});
}
`;
}

/** WGSL function `write_<role>`: writes those of four columns that a row has; see {@linkcode reading}. */
export function writing(
  name: string,
  dim: string,
  width: PackWidth,
  role: string = name,
): string {
  const head = `fn write_${role}(row: u32, vec: u32, x: vec4f) {`;
  if (width === 4) {
    return /* wgsl */ `${head}
  if (vec < (uniforms.${dim} + 3u) / 4u) { ${name}[row * (uniforms.${dim} / 4u) + vec] = x; }
}
`;
  }
  return /* wgsl */ `${head}
  for (var i = 0u; i < 4u && 4u * vec + i < uniforms.${dim}; i++) {
    ${name}[row * uniforms.${dim} + 4u * vec + i] = x[i];
  }
}
`;
}
