"""Writes CIFAR-10 and CIFAR-100 in all of their formats, with few images, into the
current folder; `truth.json` has what is in them."""

import json
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy

random = numpy.random.default_rng(1)


class Python2(pickle._Pickler):
    """Pickles as Python 2 does, whose texts are bytes of one kind."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_text(self, value):
        content = value.encode("latin1") if isinstance(value, str) else value
        size = len(content)
        head = b"U" + bytes([size]) if size < 256 else b"T" + struct.pack("<i", size)
        self.write(head + content)
        self.memoize(value)

    dispatch[str] = save_text
    dispatch[bytes] = save_text


def write_pickle(path, value, module=b"numpy.core"):
    with open(path, "wb") as file:
        Python2(file, protocol=2).dump(value)
    content = Path(path).read_bytes().replace(b"cnumpy._core", b"c" + module)
    Path(path).write_bytes(content)
    back = pickle.loads(content.replace(b"cnumpy.core", b"cnumpy._core"), encoding="latin1")
    assert all(numpy.array_equal(back[key], value[key]) for key in value)


def archive(name, folder):
    with tarfile.open(name, "w:gz") as tar:
        tar.add(folder)


def images(count):
    return random.integers(0, 256, (count, 3, 32, 32), dtype=numpy.uint8)


def told(planes, **labels):
    rows = planes.transpose(0, 2, 3, 1)
    return {"pixels": [row.tobytes().hex() for row in rows], **labels}


truth = {"10": {"names": [f"ten {i}" for i in range(10)]}, "100": {}}
ten = truth["10"]
for folder in ("cifar-10-batches-bin", "cifar-10-batches-py"):
    os.mkdir(folder)
names = "".join(f"{name}\n" for name in ten["names"]) + "\n"
Path("cifar-10-batches-bin/batches.meta.txt").write_text(names)
Path("cifar-10-batches-bin/readme.html").write_text("<META>")
meta = {"num_cases_per_batch": 2, "label_names": ten["names"], "num_vis": 3072}
write_pickle("cifar-10-batches-py/batches.meta", meta)
train, train_labels = images(11), [int(label) for label in random.permutation(11) % 10]
starts = [0, 2, 4, 6, 8, 11]
batches = {f"data_batch_{i + 1}": (starts[i], starts[i + 1]) for i in range(5)}
test, test_labels = images(3), [9, 0, 4]
for name, (start, end) in {**batches, "test_batch": (0, 3)}.items():
    planes, labels = (test, test_labels) if name == "test_batch" else (train, train_labels)
    planes, labels = planes[start:end], labels[start:end]
    records = [bytes([label]) + plane.tobytes() for label, plane in zip(labels, planes)]
    Path(f"cifar-10-batches-bin/{name}.bin").write_bytes(b"".join(records))
    rows = planes.reshape(len(planes), 3072)
    batch = {
        "batch_label": "training batch 1 of 5",
        "labels": labels,
        # One has its columns together, as numpy may.
        "data": numpy.asfortranarray(rows) if name == "data_batch_3" else rows,
        "filenames": [f"leptodactylus_s_{i:06}.png" for i in range(len(labels))],
    }
    write_pickle(f"cifar-10-batches-py/{name}", batch)
ten["train"] = told(train, fine=train_labels)
ten["test"] = told(test, fine=test_labels)

hundred = truth["100"]
hundred["names"] = {
    "fine": [f"fine {i}" for i in range(100)],
    "coarse": [f"coarse {i}" for i in range(20)],
}
for folder in ("cifar-100-binary", "cifar-100-python"):
    os.mkdir(folder)
for kind, names in hundred["names"].items():
    text = "".join(f"{name}\n" for name in names)
    Path(f"cifar-100-binary/{kind}_label_names.txt").write_text(text)
meta = {f"{kind}_label_names": names for kind, names in hundred["names"].items()}
write_pickle("cifar-100-python/meta", meta)
# More than 1000 images, since lists are pickled in parts of that.
for part, count in (("train", 1003), ("test", 2)):
    planes = images(count)
    fine = [int(label) for label in random.integers(0, 100, count)]
    coarse = [int(label) for label in random.integers(0, 20, count)]
    Path(f"cifar-100-binary/{part}.bin").write_bytes(
        b"".join(bytes([c, f]) + plane.tobytes() for c, f, plane in zip(coarse, fine, planes))
    )
    value = {
        "filenames": [f"bos_taurus_s_{i:06}.png" for i in range(count)],
        "batch_label": "training batch 1 of 1",
        "fine_labels": fine,
        "coarse_labels": coarse,
        "data": planes.reshape(count, 3072),
    }
    write_pickle(f"cifar-100-python/{part}", value, b"numpy._core")
    hundred[part] = told(planes, fine=fine, coarse=coarse)
    if part == "train":
        hundred[part]["pixels"] = hundred[part]["pixels"][:3]

archive("cifar-10-binary.tar.gz", "cifar-10-batches-bin")
archive("cifar-10-python.tar.gz", "cifar-10-batches-py")
archive("cifar-100-binary.tar.gz", "./cifar-100-binary")
archive("cifar-100-python.tar.gz", "cifar-100-python")


class Evil:
    """Runs a command where a pickle is loaded."""

    def __reduce__(self):
        return os.system, ("touch it_ran",)


def told_of(value, **options):
    return pickle.dumps(value, **options).hex()


rows = images(1).reshape(1, 3072)
truth["refused"] = {
    "posix.system": told_of({"data": Evil()}, protocol=2),
    "its protocol is 4": told_of({"data": Evil()}, protocol=4),
    "does not begin as one": told_of({"data": Evil()}, protocol=0),
    "_codecs.encode": told_of({"data": rows}, protocol=2),
    "numpy._core.multiarray.scalar": told_of({"data": numpy.float32(1)}, protocol=2),
    "builtins.eval": (b"\x80\x02cbuiltins\neval\nU\x011\x85R.").hex(),
    "__builtin__.eval": (b"\x80\x02(c__builtin__\neval\nU\x011o.").hex(),
    "the operation 0x69": (b"\x80\x02(U\x011ios\nsystem\n.").hex(),
    "the operation 0x93": (b"\x80\x02U\x02osU\x06system\x93.").hex(),
    "it restores no array": (b"\x80\x02cnumpy\nndarray\n}b.").hex(),
    "it calls no name": (b"\x80\x02U\x09os.system)R.").hex(),
}
huge = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
huge.size = 2**30
truth["huge"] = huge.tobuf().hex()
Path("truth.json").write_text(json.dumps(truth))
