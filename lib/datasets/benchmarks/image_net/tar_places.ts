/** The places of images in ImageNet's tars. @module */
import {
  files,
  readFully,
  withFile,
  writeAtomically,
} from "@lionjs/base/files";
import { byCodePoint, PackedTexts } from "@lionjs/data/batches";
import { fileBytes, type RandomAccess } from "@lionjs/data/bytes";
import {
  type MemberPlace,
  placeOfMember,
  RangeReader,
  readMember,
  TAR_BLOCK,
  tarMembers,
} from "@lionjs/data/records";
import { damaged } from "@lionjs/base";

/** The images of a tar, or of a tar within it, sorted by their names. */
export interface TarFolder {
  /** The name of the tar within, without its ending; `""` is the tar itself. */
  readonly name: string;
  readonly images: PackedTexts;
  readonly offsets: Float64Array;
  readonly sizes: Uint32Array;
  /** A fingerprint of each member, to recognise it by. */
  readonly prints: Uint32Array;
}

/** A tar whose images have been found. */
export interface IndexedTar {
  readonly bytes: RandomAccess;
  /** The tar's images by folder, sorted by the folders' names. */
  readonly folders: readonly TarFolder[];
}

/**
 * Finds the images of a tar, or takes their places from the file in which they were
 * kept, if the tar is still as it was.
 *
 * @param isNested Whether it is a tar of tars, one for each class.
 * @param index The folder in which the places are kept; where there is none, they are
 * kept next to the tar, or in memory if that is impossible.
 */
export async function indexedTar(
  folder: string,
  name: string,
  isNested: boolean,
  index: string | undefined,
): Promise<IndexedTar> {
  const path = `${folder}/${name}`;
  const bytes = await fileBytes(path);
  const { mtimeMs: modified } = await files().stat(path);
  const state: TarState = { version: 1, name, size: bytes.size, modified };
  const kept = `${index ?? folder}/${name}.index`;
  const known = await keptFolders(kept, state);
  if (known) return { bytes, folders: known };
  // The folder is made before the tar is read, which takes minutes, so that a failure comes early.
  if (index !== undefined) await files().mkdir(index, { recursive: true });
  const folders = await foldersOf(path, bytes.size, isNested);
  await writeAtomically(kept, fileOf(state, folders)).catch((error) => {
    // Data sets are often on a disk that is only read.
    if (index !== undefined) throw error;
  });
  return { bytes, folders };
}

/** The facts by which a tar is known to be the one that was read. */
interface TarState {
  readonly version: 1;
  readonly name: string;
  readonly size: number;
  readonly modified: number;
}

/** Reads the headers of a tar's members. */
async function foldersOf(
  path: string,
  size: number,
  isNested: boolean,
): Promise<TarFolder[]> {
  return await withFile(path, async (file) => {
    // The file stays open, since there may be a million headers.
    const part = (name: string, first: number, size: number): RandomAccess => ({
      ...{ name, size },
      read: (start, length) => readFully(file, path, length, first + start),
    });
    if (!isNested) return [await folderOf("", part(path, 0, size), 0)];
    const folders = new Map<string, TarFolder>();
    const outer = part(path, 0, size);
    for await (const member of tarMembers(path, new RangeReader(outer))) {
      const [, name] = /^(?:.*\/)?([^/]+)\.tar$/.exec(member.name) ?? [];
      if (name === undefined || folders.has(name)) {
        throw new SyntaxError(
          `${path} should be a tar of one tar for each class, got ${member.name}${
            name === undefined ? "" : " twice"
          }; download it again`,
        );
      }
      const { offset } = member;
      if (offset + member.size > size) {
        throw damaged(path, "a tar", `it ends within ${member.name}`);
      }
      const inner = part(`${path}:${member.name}`, offset, member.size);
      folders.set(name, await folderOf(name, inner, offset));
    }
    if (folders.size === 0) {
      throw new SyntaxError(
        `${path} should be a tar of tars, got one without any; download it again`,
      );
    }
    return [...folders.values()].sort((a, b) => byCodePoint(a.name, b.name));
  });
}

/** The images of a tar that begins at a byte of another one. */
async function folderOf(
  name: string,
  bytes: RandomAccess,
  start: number,
): Promise<TarFolder> {
  const found: [name: string, place: MemberPlace][] = [];
  for await (const member of tarMembers(bytes.name, new RangeReader(bytes))) {
    const image = member.name.replace(/^.*\//, "");
    // Systems leave files of their own, such as "._a.JPEG".
    if (!/^[^.].*\.jpe?g$/i.test(image)) continue;
    found.push([image, placeOfMember(member, start)]);
  }
  if (found.length === 0) {
    throw new SyntaxError(
      `${bytes.name} should have images, files that end in .JPEG, got none; download it again`,
    );
  }
  found.sort(([a], [b]) => byCodePoint(a, b));
  const twice = found.find(([image], i) => image === found[i + 1]?.[0]);
  if (twice) {
    throw new SyntaxError(
      `${bytes.name} should have each image once, got ${
        twice[0]
      } twice; download it again`,
    );
  }
  return {
    name,
    images: new PackedTexts(found.map(([image]) => image)),
    offsets: Float64Array.from(found, ([, { offset }]) => offset),
    sizes: Uint32Array.from(found, ([, { size }]) => size),
    prints: Uint32Array.from(found, ([, { print }]) => print),
  };
}

export function readImageOf(
  bytes: RandomAccess,
  { offsets, sizes, prints }: TarFolder,
  place: number,
): Promise<Uint8Array> {
  return readMember(bytes, {
    offset: offsets[place]!,
    size: sizes[place]!,
    print: prints[place]!,
  });
}

/** A folder in the first line, which is JSON, of a file of places. */
interface FolderHead {
  readonly name: string;
  readonly images: number;
  /** Bytes of the images' names, with separators. */
  readonly letters: number;
}

/** The separator of names; no file's name contains it. */
const BETWEEN = "\0";

/** Places as a file: a line of JSON, and the numbers and names of each folder. */
function* fileOf(
  state: TarState,
  folders: readonly TarFolder[],
): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const namesOf = ({ images }: TarFolder) =>
    encoder.encode([...images].join(BETWEEN));
  const heads = folders.map((folder): FolderHead => ({
    name: folder.name,
    images: folder.images.size,
    letters: namesOf(folder).length,
  }));
  yield encoder.encode(`${JSON.stringify({ ...state, folders: heads })}\n`);
  for (const folder of folders) {
    for (const { buffer } of [folder.offsets, folder.sizes, folder.prints]) {
      yield new Uint8Array(buffer);
    }
    yield namesOf(folder);
  }
}

/** The places that a file has of a tar in this state; `undefined` if it has none. */
async function keptFolders(
  path: string,
  state: TarState,
): Promise<TarFolder[] | undefined> {
  const bytes = await files().readFile(path).catch(() => undefined);
  const end = bytes?.indexOf(10) ?? -1;
  if (!bytes || end < 0) return undefined;
  try {
    const { folders, ...kept } = JSON.parse(
      new TextDecoder().decode(bytes.subarray(0, end)),
    );
    if (JSON.stringify(kept) !== JSON.stringify(state)) return undefined;
    return foldersIn(bytes.subarray(end + 1), folders, state.size);
  } catch {
    // A file that was damaged is made anew.
    return undefined;
  }
}

/** The folders of a file of places. */
function foldersIn(
  bytes: Uint8Array,
  heads: readonly FolderHead[],
  tarSize: number,
): TarFolder[] {
  let at = 0;
  const take = (length: number) => {
    if (!(length >= 0 && at + length <= bytes.length)) throw new RangeError();
    at += length;
    return new Uint8Array(bytes.subarray(at - length, at));
  };
  const folders = heads.map(({ name, images, letters }): TarFolder => {
    const offsets = new Float64Array(take(8 * images).buffer);
    const sizes = new Uint32Array(take(4 * images).buffer);
    const prints = new Uint32Array(take(4 * images).buffer);
    const names = new TextDecoder().decode(take(letters)).split(BETWEEN);
    const isWithin = offsets.every((offset, i) =>
      Number.isSafeInteger(offset) && offset >= TAR_BLOCK &&
      offset + sizes[i]! <= tarSize
    );
    if (!isWithin || names.length !== images) throw new RangeError();
    return { name, images: new PackedTexts(names), offsets, sizes, prints };
  });
  if (at !== bytes.length) throw new RangeError();
  return folders;
}
