/**
 * Jobs: what a module of WebAssembly computes when the host asks for it. The host
 * writes a record of numbers and addresses, and the module reads it; its fields are
 * described once, for both.
 *
 * Every field takes four bytes.
 *
 * @module
 */

/** How a field is stored. */
export type FieldType = "i32" | "f32" | "usize";

/** The fields of a record, in order. */
export type Fields = Readonly<Record<string, FieldType>>;

/** Makes fields of one type. */
type FieldsOf<T extends FieldType> = <N extends string>(
  ...names: N[]
) => Readonly<Record<N, T>>;

const fieldsOf =
  <T extends FieldType>(type: T): FieldsOf<T> =>
  <N extends string>(...names: N[]): Readonly<Record<N, T>> =>
    Object.fromEntries(names.map((name) => [name, type])) as Record<N, T>;

export const integers: FieldsOf<"i32"> = fieldsOf("i32");
export const floats: FieldsOf<"f32"> = fieldsOf("f32");
export const addresses: FieldsOf<"usize"> = fieldsOf("usize");

/** A job of a module. */
export interface Job<F extends Fields = Fields> {
  /** The job's name in the module's source. */
  readonly name: string;
  /** The fields of the job's record. */
  readonly fields: F;
}

/** The jobs of a module by their names; their order gives them their numbers. */
export type Jobs = Readonly<Record<string, Job>>;

/** The jobs that have these records. */
export function jobsOf<Records extends Readonly<Record<string, Fields>>>(
  records: Records,
): { readonly [name in keyof Records]: Job<Records[name]> } {
  const jobs = Object.entries(records)
    .map(([name, fields]) => [name, { name, fields }]);
  return Object.fromEntries(jobs);
}

/** The values of a job's record. */
export type JobRecord<J extends Job> = {
  readonly [field in keyof J["fields"]]: number;
};

/** The values of a job's record that are not addresses. */
export type Numbers<J extends Job> = {
  readonly [
    field in keyof J["fields"] as J["fields"][field] extends "usize" ? never
      : field
  ]: number;
};

/**
 * The record that a job is given: an address that is left out is 0, that of an absent
 * tensor. A job that runs often may be given the words of its record.
 */
export type GivenRecord<J extends Job> =
  | JobRecord<J>
  | (Numbers<J> & Partial<JobRecord<J>>)
  | Int32Array;

/** A module of WebAssembly that computes jobs. */
export interface KernelModule {
  /** The module's binary, which imports a shared memory. */
  readonly binary: Uint8Array<ArrayBuffer>;
  readonly jobs: Jobs;
}
