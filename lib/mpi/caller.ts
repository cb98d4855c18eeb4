/** Calls of MPI: errors are thrown, and requests are followed to their end. @module */
import { type Library, textOf } from "./library.ts";
import { MpiError } from "./mpi_error.ts";

/** A nonblocking operation of MPI that was begun. */
export interface Request {
  /** The name of the MPI function. */
  readonly call: string;
  /** MPI's own request. */
  readonly handle: BigUint64Array<ArrayBuffer>;
}

/** Calls the functions of an MPI implementation. */
export class Caller {
  readonly #library: Library;
  /** The arrays that unfinished requests read and write, kept from garbage collection. */
  readonly #kept = new Map<Request, unknown>();
  /** The integer in which MPI returns a flag. */
  readonly #flag = new Int32Array(new ArrayBuffer(4));

  constructor(library: Library) {
    this.#library = library;
  }

  get functions(): Library["functions"] {
    return this.#library.functions;
  }

  /** The constants of the implementation. */
  get handles(): Library["handles"] {
    return this.#library.handles;
  }

  /** Throws if the code that a function has returned is an error. */
  check(call: string, code: number): void {
    if (code === 0) return;
    const { functions } = this;
    const text = new Uint8Array(4096), length = new Int32Array(1);
    const describe = (code: number) => {
      functions.MPI_Error_string(code, text, length);
      return textOf(text, length);
    };
    const kind = new Int32Array(1);
    functions.MPI_Error_class(code, kind);
    throw new MpiError(call, {
      errorClass: describe(kind[0]!),
      detail: describe(code),
    });
  }

  /** Begins an operation; the arrays that it reads and writes are kept until its end. */
  begin(
    call: string,
    kept: unknown,
    start: (request: BigUint64Array<ArrayBuffer>) => number,
  ): Request {
    const request = { call, handle: new BigUint64Array(new ArrayBuffer(8)) };
    this.check(call, start(request.handle));
    this.#kept.set(request, kept);
    return request;
  }

  /** Whether an operation has ended; MPI works on all of them meanwhile. */
  hasEnded(request: Request): boolean {
    const { functions, handles: { statusIgnore } } = this;
    const { call, handle } = request;
    const code = functions.MPI_Test(handle, this.#flag, statusIgnore);
    if (code !== 0 || this.#flag[0] !== 0) this.#kept.delete(request);
    this.check(call, code);
    return this.#flag[0] !== 0;
  }

  /** Cancels a receive, which then ends a little later. */
  cancel({ handle }: Request): void {
    this.check("MPI_Cancel", this.functions.MPI_Cancel(handle));
  }

  /** The answer that a function gives by a flag. */
  asks(call: string, ask: (flag: Int32Array<ArrayBuffer>) => number): boolean {
    this.check(call, ask(this.#flag));
    return this.#flag[0] !== 0;
  }
}
