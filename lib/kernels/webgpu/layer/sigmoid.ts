/** 1 / (1 + e^-x) of a pack; no intermediate overflows. */
export const SIGMOID = /* wgsl */ `
fn sigmoid(x: Pack) -> Pack {
  let decayed = exp(-abs(x));
  return select(Pack(1.0), decayed, x < Pack()) / (1.0 + decayed);
}
`;
