/** The text by which shaders find the elements of arrays that are broadcast. @module */

/**
 * `places_of`, the places of the elements of two arrays, `a` and `b`, that belong to place
 * `at` of the shape to which they are broadcast. An array is whole if it has that shape,
 * and single if it has one element.
 *
 * Each vector of `uniforms.axes` has an axis' size, and how far both arrays advance along
 * it: from the innermost axis out to the outermost one, number INNER.
 */
export const PLACES_OF = /* wgsl */ `
fn places_of(at: u32) -> vec2u {
  var rest = at;
  var places = vec2u();
  for (var i = 0u; i < INNER; i++) { // unroll
    let axis = uniforms.axes[i];
    let outer = rest / axis.x;
    places += (rest - outer * axis.x) * axis.yz;
    rest = outer;
  }
  places += rest * uniforms.axes[INNER].yz;
  places = select(places, vec2u(at), vec2<bool>(A_IS_WHOLE, B_IS_WHOLE));
  return select(places, vec2u(), vec2<bool>(A_IS_SINGLE, B_IS_SINGLE));
}
`;
