/**
 * The gradients in readers and writers, summed over both directions. With w the decay
 * between two rows, and e that between a row and the chunk's border,
 *
 *     dq_i = Σ_j w ∘ (dP_ij b_j + dP'_ij k_j) + e ∘ dQ_i      and da_i with dT, dR
 *     db_j = Σ_i w ∘ (dP_ij q_i + dT_ij a_i) + e ∘ dB_j       and dk_j with dP', dT'
 *
 * where a reads before the decay of its token. Sums over rows before a row, and over those
 * after it, decay as they go: no path is walked twice, and no exponent is positive.
 *
 * The gradients in β and the log decays are left in the place of operands, as each row's
 * parts, which `gate_gradients.ts` sums.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "@lionjs/tfjs/webgpu";
import {
  type ChunkProgram,
  DECAY_OF,
  decaysOf,
  INPUTS,
  type Layout,
  ofChunks,
  vectorsOf,
  widthOf,
} from "./layout.ts";

/**
 * The programs of the gradients in the vectors. Where b is not k, those of writers have one
 * of their own, since both together would bind too many buffers; it runs first.
 */
export function vectorGradientsPrograms(
  layout: Layout,
  batch: SequenceBatch,
): ChunkProgram[] {
  return {
    none: [["dq", "dk"]],
    delta: [["dq", "dk"]],
    tied: [["dq", "da", "dk"]],
    untied: [["db", "dk"], ["dq", "da"]],
  }[layout.reads].map((writes) => programOf(layout, batch, writes));
}

function programOf(
  layout: Layout,
  batch: SequenceBatch,
  writes: string[],
): ChunkProgram {
  const width = widthOf(layout);
  const dReaders = writes.includes("dq"), dWriters = writes.includes("dk");
  return ofChunks(layout, batch, {
    name: "transition_vector_gradients",
    width: widthOf(layout),
    constants: {
      ...decaysOf(layout),
      OF_READERS: dReaders,
      OF_WRITERS: dWriters,
      IS_DELTA: layout.reads === "delta",
    },
    reads: [...INPUTS[layout.reads], "pairs"],
    writes: ["operands", ...writes],
    functions: () => [
      vectorsOf(layout),
      DECAY_OF,
      ...["dq", "da", "db", "dk"].map((name) =>
        writes.includes(name)
          ? reading(name, "headDim", width) + writing(name, "headDim", width) +
            (name === "dq"
              ? adding(name, "has_query", "token_of")
              : adding(name, "has_step", "step_of"))
          : `fn add_${name}(chunk: Chunk, row: u32, vec: u32, x: vec4f) {}\n`
      ),
      BEFORE_AND_AFTER,
    ],
    body: VECTORS,
  });
}

/** WGSL function `add_<name>`: stores four columns in the first direction, adds them in the second. */
const adding = (name: string, isThere: string, at: string) => /* wgsl */ `
fn add_${name}(chunk: Chunk, row: u32, vec: u32, x: vec4f) {
  if (!${isThere}(chunk, row)) { return; }
  let at = ${at}(chunk, row);
  write_${name}(at, vec, select(x, read_${name}(at, vec) + x, chunk.back));
}
`;

const BEFORE_AND_AFTER = /* wgsl */ `
// Sums over the rows before each of four readers, and the decays from the chunk's start to them.
struct Before {
  sums: array<array<vec4f, 4>, READERS>,
  paths: array<array<vec4f, 4>, READERS>,
}
// Sums over the rows after each of four writers, and the decays to the chunk's end.
struct After {
  sums: array<array<vec4f, 4>, WRITERS>,
  paths: array<vec4f, 4>,
}

fn before(chunk: Chunk, row: u32, vec: u32) -> Before {
  let own_block = row / 4u;
  var found = Before();
  var path = vec4f(1.0);
  for (var block = 0u; block < own_block; block++) {
    let weights = weights_of(chunk, 4u * block);
    var products = array<array<array<vec4f, 4>, WRITERS>, READERS>();
    for (var reader = 0u; reader < READERS; reader++) { // unroll
      for (var w = 0u; w < WRITERS; w++) { // unroll
        for (var r = 0u; r < 4u; r++) { // unroll
          products[reader][w][r] = weights * pairs[at_pair(chunk, reader, w, row + r, block)];
        }
      }
    }
    for (var c = 0u; c < 4u; c++) { // unroll
      let decay = decay_of(chunk, 4u * block + c, vec);
      path *= decay;
      for (var w = 0u; w < WRITERS; w++) { // unroll
        let key = writer_of(w, chunk, 4u * block + c, vec);
        for (var reader = 0u; reader < READERS; reader++) { // unroll
          for (var r = 0u; r < 4u; r++) { // unroll
            if (w == 0u) { found.sums[reader][r] *= decay; }
            found.sums[reader][r] += products[reader][w][r][c] * key;
          }
        }
      }
    }
  }
  let weights = weights_of(chunk, row);
  var keys = array<array<vec4f, 4>, WRITERS>();
  for (var w = 0u; w < WRITERS; w++) { // unroll
    for (var c = 0u; c < 4u; c++) { // unroll
      keys[w][c] = weights[c] * writer_of(w, chunk, row + c, vec);
    }
  }
  for (var c = 0u; c < 4u; c++) { // unroll
    let decay = decay_of(chunk, row + c, vec);
    for (var i = 0u; i < READERS; i++) { // unroll
      let reader = READERS - 1u - i;
      if (i == BEFORE_DECAY) { path *= decay; }
      found.paths[reader][c] = path;
      for (var r = 0u; r < 4u; r++) { // unroll
        // Rows of a that are a tensor read before their decay.
        if (c < r || (c == r && i >= BEFORE_DECAY)) { found.sums[reader][r] *= decay; }
        for (var w = 0u; w < WRITERS; w++) { // unroll
          if (c < r) { found.sums[reader][r] += pairs[at_pair(chunk, reader, w, row + r, own_block)][c] * keys[w][c]; }
        }
      }
    }
  }
  return found;
}

fn after(chunk: Chunk, row: u32, vec: u32) -> After {
  let own_block = row / 4u;
  var found = After();
  var path = vec4f(1.0);
  for (var end = uniforms.rows; end > row + 4u; end--) {
    let decay = decay_of(chunk, end - 1u, vec);
    path *= decay;
    for (var reader = 0u; reader < READERS; reader++) { // unroll
      let x = reader_of(reader, chunk, end - 1u, vec);
      for (var w = 0u; w < WRITERS; w++) { // unroll
        let products = pairs[at_pair(chunk, reader, w, end - 1u, own_block)];
        for (var r = 0u; r < 4u; r++) { // unroll
          found.sums[w][r] += products[r] * x;
          if (reader == READERS - 1u - BEFORE_DECAY) { found.sums[w][r] *= decay; }
        }
      }
    }
  }
  for (var n = 0u; n < 4u; n++) { // unroll
    let decay = decay_of(chunk, row + 3u - n, vec);
    found.paths[3u - n] = path;
    path *= decay;
    for (var reader = 0u; reader < READERS; reader++) { // unroll
      let x = reader_of(reader, chunk, row + 3u - n, vec);
      for (var w = 0u; w < WRITERS; w++) { // unroll
        let products = pairs[at_pair(chunk, reader, w, row + 3u - n, own_block)];
        for (var r = 0u; r < 4u; r++) { // unroll
          if (r < 3u - n) {
            found.sums[w][r] += products[r] * x;
            if (reader == READERS - 1u - BEFORE_DECAY) { found.sums[w][r] *= decay; }
          }
        }
      }
    }
  }
  return found;
}

// The product of the query and the writer of row r of a block.
fn own(chunk: Chunk, w: u32, row: u32, r: u32) -> f32 { return pairs[at_pair(chunk, 0u, w, row + r, row / 4u)][r]; }
`;

const VECTORS = /* wgsl */ `
  for (var direction = 0u; direction < uniforms.directions; direction++) {
    let chunk = chunk_of(first_sweep + direction, number);
    for (var item = local; item < uniforms.rows / 4u * uniforms.headVecs; item += THREADS) {
      // With one step for each token, a thread has the same four tokens in both directions.
      let block = item / uniforms.headVecs;
      let row = 4u * select(block, uniforms.rows / 4u - 1u - block, chunk.back);
      let vec = item % uniforms.headVecs;
      var earlier = Before();
      var later = After();
      if (OF_READERS) { earlier = before(chunk, row, vec); }
      if (OF_WRITERS) { later = after(chunk, row, vec); }
      for (var r = 0u; r < 4u; r++) { // unroll
        if (has_step(chunk, row + r)) {
          var writer_gradients = array<vec4f, WRITERS>();
          let i = row + r;
          let weight = weight_of(chunk, i);
          let query = reader_of(0u, chunk, i, vec);
          // Parts of the log decays' gradients: of decays between this row and those before it,
          // and of those between it and the chunk's start; of rows a that read before their
          // decay, apart.
          var within = vec4f();
          var from_start = vec4f();
          if (OF_WRITERS) {
            for (var w = 0u; w < WRITERS; w++) { // unroll
              let key = writer_of(w, chunk, i, vec);
              let given = later.sums[w][r] + later.paths[r] * operands[at_operand(chunk, READERS + w, i, vec)];
              within += weight * key * given;
              writer_gradients[w] = given + own(chunk, w, row, r) * query;
            }
          } else {
            within = operands[at_operand(chunk, READERS, i, vec)];
          }
          if (OF_READERS) {
            var of_own = vec4f();
            for (var w = 0u; w < WRITERS; w++) { // unroll
              of_own += weight * own(chunk, w, row, r) * writer_of(w, chunk, i, vec);
            }
            let of_state = earlier.paths[0][r] * operands[at_operand(chunk, 0u, i, vec)];
            add_dq(chunk, i, vec, earlier.sums[0][r] + of_state + of_own);
            within -= query * earlier.sums[0][r];
            from_start = query * of_state;
          }
          if (OF_READERS && READERS > 1u) {
            let x = reader_of(1u, chunk, i, vec);
            let of_state = earlier.paths[READERS - 1u][r] * operands[at_operand(chunk, 1u, i, vec)];
            let gradient = earlier.sums[READERS - 1u][r] + of_state;
            if (IS_DELTA) {
              within -= x * earlier.sums[READERS - 1u][r];
              from_start += x * of_state;
              // The part of the gradient in β, since a is -k, and b is β k.
              operands[at_operand(chunk, 1u, i, vec)] = -x * writer_gradients[0];
              writer_gradients[0] = weight * writer_gradients[0] - gradient;
            } else {
              add_da(chunk, i, vec, gradient);
              operands[at_operand(chunk, 1u, i, vec)] = x * of_state;
              operands[at_operand(chunk, 3u, i, vec)] = x * earlier.sums[READERS - 1u][r];
            }
          }
          if (OF_WRITERS) {
            add_dk(chunk, i, vec, writer_gradients[WRITERS - 1u]);
            if (WRITERS > 1u) { add_db(chunk, i, vec, writer_gradients[0]); }
          }
          if (OF_READERS) { operands[at_operand(chunk, 0u, i, vec)] = from_start; }
          operands[at_operand(chunk, READERS, i, vec)] = within;
        }
      }
    }
    if (STEPS > 1u) { storageBarrier(); }
  }
`;
