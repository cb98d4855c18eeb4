/**
 * Tests of tfjs-core that pass on TensorFlow.js's own backend and fail here on
 * purpose: why, by their names.
 */
export const STRICTER: ReadonlyMap<string, string> = new Map([
  [
    'gather webgpu {"WEBGPU_CPU_FORWARD":false} fills with zero when index is out of bound',
    "an index out of range is a RangeError where it is known, and gives NaN " +
    "where it is not: zeros would be a silent error",
  ],
  [
    'sparseSegmentMean webgpu {"WEBGPU_CPU_FORWARD":false} integer data',
    "integers are exact or refused, and there is no exact kernel of this one",
  ],
  ...["cpu {}", "wasm {}", 'webgpu {"WEBGPU_CPU_FORWARD":false}'].map((run) =>
    [
      `avgPool ${run} gradient x=[3,3,1] f=[3,3] s=1 p=explicit`,
      "a mean is of what its window covers, and so is its gradient",
    ] as const
  ),
]);
