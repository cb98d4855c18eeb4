/** WGSL function `sigmoid` of a pack, 1 / (1 + e^-x); no intermediate overflows. */
export const SIGMOID = /* wgsl */ `
fn sigmoid(x: Pack) -> Pack {
  let decayed = exp(-abs(x));
  return select(Pack(1.0), decayed, x < Pack()) / (1.0 + decayed);
}
`;
