/** A product on the GPU reads no number of a neighbouring matrix. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../../backends.ts";

/**
 * `MatMulProgramType` of tfjs-backend-webgpu, without that of single matrices;
 * and the choice by size, -1.
 */
const PROGRAMS = [-1, 0, 2, 3];

/** Inner dimensions and columns: of fours, and not; no tile divides them. */
const SIZES = [[5, 7], [20, 8]] as const;

onEachBackend("the products of a NaN's neighbours are finite", async () => {
  const [batch, rows] = [3, 9];
  for (const [inner, columns] of SIZES) {
    for (const [transposeA, transposeB] of [[false, false], [true, true]]) {
      // One for all, so that it is tfjs's program on software adapters too.
      const a = tf.ones<tf.Rank.R3>(
        transposeA ? [1, inner, rows] : [1, rows, inner],
      );
      const size = batch * inner * columns;
      // The last matrix is no numbers at all.
      const b = tf.tensor3d(
        Array.from({ length: size }, (_, i) => i < size * 2 / 3 ? 1 : NaN),
        transposeB ? [batch, columns, inner] : [batch, inner, columns],
      );
      const wanted = Array.from(
        { length: batch * rows * columns },
        (_, i) => i < 2 * rows * columns ? inner : NaN,
      );
      for (const program of PROGRAMS) {
        tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", program);
        try {
          const c = tf.matMul(a, b, transposeA, transposeB);
          const label = `program ${program}, ${inner} × ${columns}`;
          assertEquals([...await c.data()], wanted, label);
          c.dispose();
        } finally {
          tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", -1);
        }
      }
      tf.dispose([a, b]);
    }
  }
}, ["webgpu"]);
