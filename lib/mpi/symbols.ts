/** The functions of libmpi that are called, as Deno's FFI knows them. @module */

/** Memory that C reads or writes. */
export type Memory = Uint8Array<ArrayBuffer> | Int32Array | BigUint64Array;
/** A constant that MPI defines in place of an address, such as MPI_IN_PLACE. */
type Marker = bigint;
/**
 * An MPI handle: MPICH's are integers, and Open MPI's are addresses of its objects. Deno
 * passes both on as they are, without a permission beyond the library's.
 */
export type Handle = bigint | Deno.PointerValue;

/** Sends values to a rank, or receives them from one. */
type Transfer<Communicator = Handle> = (
  values: Memory,
  count: number,
  type: Handle,
  peer: number,
  tag: number,
  communicator: Communicator,
  request: Memory,
) => number;

/** Asks whether a message has arrived. */
type Probe<Communicator = Handle> = (
  from: number,
  tag: number,
  communicator: Communicator,
  flag: Memory,
  status: Marker,
) => number;

/** The functions of libmpi. All return an error code; those with `I` return before they are done. */
export interface Functions {
  /** The function ioctl of the C library, which every libmpi has opened. */
  ioctl(descriptor: number, request: Marker, value: Memory): number;
  /** Returns the address of an environment variable's value, or 0. */
  getenv(name: Memory): bigint;
  /** Returns the number that a text at an address begins with. */
  atoi(text: bigint): number;
  /** The function fcntl of the C library, for requests without a value. */
  fcntl(descriptor: number, request: number): number;
  MPI_Initialized(flag: Memory): number;
  MPI_Init_thread(
    argc: Marker,
    argv: Marker,
    required: number,
    provided: Memory,
  ): number;
  MPI_Finalize(): number;
  MPI_Abort(communicator: Handle, code: number): number;
  MPI_Get_version(major: Memory, minor: Memory): number;
  MPI_Get_library_version(text: Memory, length: Memory): number;
  MPI_Comm_set_errhandler(communicator: Handle, handler: Handle): number;
  MPI_Comm_rank(communicator: Handle, rank: Memory): number;
  MPI_Comm_size(communicator: Handle, size: Memory): number;
  MPI_Comm_split_type(
    communicator: Handle,
    type: number,
    key: number,
    info: Handle,
    made: Memory,
  ): number;
  /** MPI_Comm_rank for a handle that was read from memory. */
  rankOfMade(communicator: bigint, rank: Memory): number;
  MPI_Comm_free(communicator: Memory): number;
  MPI_Comm_dup(communicator: Handle, made: Memory): number;
  /** MPI_Iallgather for a handle made by {@linkcode MPI_Comm_dup}, like {@linkcode rankOfMade}. */
  allgatherOfMade(
    from: Memory,
    count: number,
    type: Handle,
    to: Memory,
    countOfEach: number,
    typeOfEach: Handle,
    communicator: bigint,
    request: Memory,
  ): number;
  readonly sendOfMade: Transfer<bigint>;
  readonly receiveOfMade: Transfer<bigint>;
  readonly probeOfMade: Probe<bigint>;
  MPI_Error_class(code: number, errorClass: Memory): number;
  MPI_Error_string(code: number, text: Memory, length: Memory): number;
  MPI_Test(request: Memory, flag: Memory, status: Marker): number;
  MPI_Cancel(request: Memory): number;
  readonly MPI_Iprobe: Probe;
  MPI_Ibarrier(communicator: Handle, request: Memory): number;
  MPI_Ibcast(
    values: Memory,
    count: number,
    type: Handle,
    root: number,
    communicator: Handle,
    request: Memory,
  ): number;
  MPI_Iallreduce(
    inPlace: Marker,
    values: Memory,
    count: number,
    type: Handle,
    reduction: Handle,
    communicator: Handle,
    request: Memory,
  ): number;
  MPI_Iexscan(
    from: Memory,
    to: Memory,
    count: number,
    type: Handle,
    reduction: Handle,
    communicator: Handle,
    request: Memory,
  ): number;
  MPI_Igather(
    from: Memory,
    count: number,
    type: Handle,
    to: Memory | null,
    countOfEach: number,
    typeOfEach: Handle,
    root: number,
    communicator: Handle,
    request: Memory,
  ): number;
  readonly MPI_Isend: Transfer;
  readonly MPI_Irecv: Transfer;
}

/** The signature with which one of {@linkcode Functions} is opened. */
type Signature = Deno.ForeignFunction<
  readonly Deno.NativeType[],
  "i32" | "usize"
>;

const memory = "buffer", marker = "usize", int = "i32";

function signature(...parameters: Deno.NativeType[]): Signature {
  return { parameters, result: int };
}

/** The signatures of functions without handles, which can be called before we know what a handle is. */
const VERSIONS = {
  MPI_Get_version: signature(memory, memory),
  MPI_Get_library_version: signature(memory, memory),
};

/** The signatures of functions whose handles are integers ("usize": C reads only the bits that it uses) or addresses. */
function signatures(
  handle: "usize" | "pointer",
): Record<keyof Functions, Signature> {
  const values = [memory, int, handle] as const;
  return {
    ...VERSIONS,
    ioctl: signature(int, marker, memory),
    getenv: { parameters: [memory], result: marker },
    atoi: signature(marker),
    fcntl: signature(int, int),
    MPI_Initialized: signature(memory),
    MPI_Init_thread: signature(marker, marker, int, memory),
    MPI_Finalize: signature(),
    MPI_Abort: signature(handle, int),
    MPI_Comm_set_errhandler: signature(handle, handle),
    MPI_Comm_rank: signature(handle, memory),
    MPI_Comm_size: signature(handle, memory),
    MPI_Comm_split_type: signature(handle, int, int, handle, memory),
    // A pointer made of a number would need a permission for all libraries.
    rankOfMade: { name: "MPI_Comm_rank", ...signature(marker, memory) },
    MPI_Comm_free: signature(memory),
    MPI_Comm_dup: signature(handle, memory),
    allgatherOfMade: {
      name: "MPI_Iallgather",
      ...signature(...values, ...values, marker, memory),
    },
    sendOfMade: {
      name: "MPI_Isend",
      ...signature(...values, int, int, marker, memory),
    },
    receiveOfMade: {
      name: "MPI_Irecv",
      ...signature(...values, int, int, marker, memory),
    },
    probeOfMade: {
      name: "MPI_Iprobe",
      ...signature(int, int, marker, memory, marker),
    },
    MPI_Error_class: signature(int, memory),
    MPI_Error_string: signature(int, memory, memory),
    MPI_Test: signature(memory, memory, marker),
    MPI_Cancel: signature(memory),
    MPI_Iprobe: signature(int, int, handle, memory, marker),
    MPI_Ibarrier: signature(handle, memory),
    MPI_Ibcast: signature(...values, int, handle, memory),
    MPI_Iallreduce: signature(marker, ...values, handle, handle, memory),
    MPI_Iexscan: signature(memory, ...values, handle, handle, memory),
    MPI_Igather: signature(...values, ...values, int, handle, memory),
    MPI_Isend: signature(...values, int, int, handle, memory),
    MPI_Irecv: signature(...values, int, int, handle, memory),
  };
}

/** Opens the functions that tell which implementation a library is. */
export function openVersions(
  path: string,
): Pick<Functions, keyof typeof VERSIONS> {
  return Deno.dlopen(path, VERSIONS).symbols as unknown as Functions;
}

/** Opens all functions of a library whose handles are integers or addresses. */
export function openFunctions(
  path: string,
  handle: "usize" | "pointer",
): Functions {
  return Deno.dlopen(path, signatures(handle)).symbols as unknown as Functions;
}

/** The addresses of a library's global objects, which are Open MPI's handles. */
export function objectsIn<Name extends string>(
  path: string,
  names: readonly Name[],
): Record<Name, Handle> {
  // For an object declared as a pointer, Deno returns the address, not the value.
  const asPointers = names.map((name) => [name, { type: "pointer" }] as const);
  return Deno.dlopen(path, Object.fromEntries(asPointers))
    .symbols as unknown as Record<Name, Handle>;
}
