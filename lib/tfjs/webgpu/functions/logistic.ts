/** WGSL functions of packs around the logistic function. @module */
import { SERIES } from "../../series.ts";

/** WGSL function `sigmoid` of a pack, 1 / (1 + e^-x); no intermediate overflows. */
export const SIGMOID = /* wgsl */ `
fn sigmoid(x: Pack) -> Pack {
  let decayed = exp(-abs(x));
  return select(Pack(1.0), decayed, x < Pack()) / (1.0 + decayed);
}
`;

/** WGSL function `log_of_one_plus` of a pack: see {@linkcode SERIES}. */
export const LOG_OF_ONE_PLUS = `${SERIES.log_of_one_plus}\n`;
