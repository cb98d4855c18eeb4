/** WGSL functions of packs, of four numbers or one, so that a text reads the same for both. @module */
import type { PackWidth } from "../program.ts";

/** WGSL by the width of packs: `total`, the sum of a pack's numbers, and access to one of them. */
export const PACKS: Readonly<Record<PackWidth, string>> = {
  1: /* wgsl */ `
const WIDTH = 1u;
fn total(pack: f32) -> f32 { return pack; }
fn number_of(pack: f32, place: u32) -> f32 { return pack; }
fn set_number(pack: ptr<function, f32>, place: u32, number: f32) { *pack = number; }
`,
  4: /* wgsl */ `
const WIDTH = 4u;
fn total(pack: vec4f) -> f32 { return dot(pack, vec4f(1.0)); }
fn number_of(pack: vec4f, place: u32) -> f32 { return pack[place]; }
fn set_number(pack: ptr<function, vec4f>, place: u32, number: f32) { (*pack)[place] = number; }
`,
};
