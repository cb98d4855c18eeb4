/** The constants of MPI, which each implementation defines in its own mpi.h. @module */
import type { RankNumbers, Reduction } from "@lionjs/base";
import { type Handle, objectsIn } from "./symbols.ts";

/** The constants of an MPI implementation. */
export interface Handles {
  /** MPI_COMM_WORLD */
  readonly world: Handle;
  /** MPI_ERRORS_RETURN */
  readonly errorsReturn: Handle;
  /** MPI_INFO_NULL */
  readonly infoNull: Handle;
  /** MPI_COMM_TYPE_SHARED */
  readonly typeShared: number;
  /** MPI_IN_PLACE */
  readonly inPlace: bigint;
  /** MPI_STATUS_IGNORE */
  readonly statusIgnore: bigint;
  /** MPI_ANY_SOURCE */
  readonly anySource: number;
  /** MPI_ANY_TAG */
  readonly anyTag: number;
  /** MPI's data types, by the names of JavaScript's typed arrays. */
  readonly types: Readonly<Record<string, Handle>>;
  /** MPI's operators, by the names of reductions. */
  readonly reductions: Readonly<Record<Reduction, Handle>>;
}

/** The constants of the ABI that MPICH, Intel MPI, MVAPICH and Cray MPICH agreed on (MPICH's mpi.h). */
export function mpichHandles(): Handles {
  return {
    world: 0x44000000n,
    errorsReturn: 0x54000001n,
    infoNull: 0x1c000000n,
    typeShared: 1,
    inPlace: 0xffff_ffff_ffff_ffffn,
    statusIgnore: 1n,
    anySource: -2,
    anyTag: -1,
    types: {
      Float32Array: 0x4c00040an,
      Float64Array: 0x4c00080bn,
      Int32Array: 0x4c000405n,
      Uint8Array: 0x4c000102n,
    },
    reductions: { max: 0x58000001n, min: 0x58000002n, sum: 0x58000003n },
  };
}

/** The constants of Open MPI (its mpi.h). */
export function openMpiHandles(library: string): Handles {
  const at = objectsIn(library, [
    "ompi_mpi_comm_world",
    "ompi_mpi_errors_return",
    "ompi_mpi_info_null",
    "ompi_mpi_float",
    "ompi_mpi_double",
    "ompi_mpi_int",
    "ompi_mpi_unsigned_char",
    "ompi_mpi_op_sum",
    "ompi_mpi_op_max",
    "ompi_mpi_op_min",
  ]);
  return {
    world: at.ompi_mpi_comm_world,
    errorsReturn: at.ompi_mpi_errors_return,
    infoNull: at.ompi_mpi_info_null,
    typeShared: 0,
    inPlace: 1n,
    statusIgnore: 0n,
    anySource: -1,
    anyTag: -1,
    types: {
      Float32Array: at.ompi_mpi_float,
      Float64Array: at.ompi_mpi_double,
      Int32Array: at.ompi_mpi_int,
      Uint8Array: at.ompi_mpi_unsigned_char,
    },
    reductions: {
      sum: at.ompi_mpi_op_sum,
      max: at.ompi_mpi_op_max,
      min: at.ompi_mpi_op_min,
    },
  };
}

/** The MPI data type of an array's numbers. */
export function typeOf(handles: Handles, values: RankNumbers): Handle {
  const name = values?.constructor?.name ?? typeof values;
  const type = handles.types[name];
  if (type !== undefined) return type;
  throw new TypeError(
    `values should be one of ${
      Object.keys(handles.types).join(", ")
    }, got ${name}`,
  );
}

/** The bytes of an array, at an address that stays put. */
export function memoryOf(
  { buffer, byteOffset, byteLength, length }: RankNumbers,
): Uint8Array<ArrayBuffer> {
  // An empty array has no address, which Open MPI refuses even where it reads nothing.
  if (length === 0) return new Uint8Array(1);
  // V8 keeps small arrays among objects that it moves, until their buffer is accessed.
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
