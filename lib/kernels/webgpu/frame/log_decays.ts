/**
 * Comparisons of log decays, which may be -Infinity or NaN. A compiler for GPUs may
 * take for granted that neither occurs, as Metal's does by default, so that no
 * comparison of floats is sure: their bits are compared.
 *
 * @module
 */

/**
 * WGSL function `<name>(x) -> bool`: whether x lies below a bound, as -Infinity does
 * and NaN does not; of a vector, each of its numbers.
 *
 * @param bound The bound, which is negative.
 * @param element The type of x.
 */
export function isBelow(
  name: string,
  bound: number,
  element: "f32" | "vec4f" = "f32",
): string {
  const [uint, bool] = element === "f32"
    ? ["u32", "bool"]
    : ["vec4u", "vec4<bool>"];
  // The bits of negative numbers ascend as the numbers descend, and end with -Infinity.
  const bits = new Uint32Array(Float32Array.of(bound).buffer)[0]!;
  return /* wgsl */ `
fn ${name}(x: ${element}) -> ${bool} {
  let bits = bitcast<${uint}>(x);
  return (bits > ${uint}(${bits}u)) & (bits <= ${uint}(0xff800000u));
}
`;
}
