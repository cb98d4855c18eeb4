"""Writes a few classes and images of ImageNet-1k in all of its formats into the current
folder, each in a folder of its own; `truth.json` has what torchvision finds in them."""

import io
import json
import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy

random = numpy.random.default_rng(1)

# The devkit's numbers are in another order than the sorted WordNet IDs, and it has
# synsets that are no classes.
SYNSETS = [
    (1, "n02119789", "kit fox, Vulpes macrotis", 0),
    (2, "n01440764", "tench, Tinca tinca", 0),
    (3, "n15075141", "toilet tissue", 0),
    (4, "n02084071", "dog, Canis familiaris", 2),
    (5, "n01443537", "goldfish, Carassius auratus", 0),
    (1860, "n00001740", "entity", 3),
]
CLASSES = {id: name for id, name, _, children in SYNSETS if children == 0}
NAMES = sorted(CLASSES.values())


def image():
    """What is no picture: a reader of tars does not decode."""
    size = int(random.integers(1, 1500))
    return b"\xff\xd8\xff" + random.bytes(size)


# Names of one class sort as texts, in which 10 comes before 9.
train = {
    name: {f"{name}_{number}.JPEG": image() for number in (9, 10, 10026, 11)[: 2 + i % 3]}
    for i, name in enumerate(NAMES)
}
truth_of_val = [5, 1, 1, 3, 2, 5, 2, 1, 3, 3]
val = {f"ILSVRC2012_val_{i + 1:08}.JPEG": image() for i in range(len(truth_of_val))}


def element(kind, data, may_be_small=True):
    if may_be_small and 0 < len(data) <= 4:
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind, shape, data, name=b""):
    flags = element(6, struct.pack("<II", kind, 0))
    sides = element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, flags + sides + element(1, name) + data, False)


def number(value):
    """A double, stored in as few bytes as it needs, as MATLAB does."""
    if value < 256:
        return matrix(6, (1, 1), element(2, bytes([value])))
    return matrix(6, (1, 1), element(4, struct.pack("<H", value)))


def text(value):
    kind, content = (4, value.encode("utf-16-le")) if len(value) % 2 else (16, value.encode())
    return matrix(4, (1, len(value)), element(kind, content))


def mat_file(compressed=True, title=b"synsets", synsets=SYNSETS):
    fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children"]
    fields += ["wordnet_height", "num_train_images"]
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    body = element(5, struct.pack("<i", 32)) + element(1, names)
    for id, name, words, children in synsets:
        body += number(id) + text(name) + text(words) + text("a gloss")
        body += number(children)
        body += matrix(6, (0, 0), element(9, b"")) if children == 0 else matrix(
            6, (1, children), element(9, struct.pack(f"<{children}d", *range(children)))
        )
        body += number(0) + number(1300)
    variable = matrix(2, (len(synsets), 1), body, title)
    other = matrix(6, (1, 1), element(9, struct.pack("<d", 0.5)), b"another")
    parts = [other, variable]
    if compressed:
        packed = [zlib.compress(part) for part in parts]
        parts = [struct.pack("<II", 15, len(part)) + part for part in packed]
    header = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8)
    return header + struct.pack("<H", 0x0100) + b"IM" + b"".join(parts)


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def tar_of(contents, **options):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for name, content in contents.items():
            add(tar, name, content)
    return buffer.getvalue()


def folders(root, part, images):
    for name, content in images:
        path = Path(root, part, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_devkit(root, lines=truth_of_val, **options):
    with tarfile.open(f"{root}/ILSVRC2012_devkit_t12.tar.gz", "w:gz") as tar:
        data = "ILSVRC2012_devkit_t12/data"
        add(tar, f"{data}/meta.mat", mat_file(**options))
        ground = "".join(f"{line}\n" for line in lines).encode()
        add(tar, f"{data}/ILSVRC2012_validation_ground_truth.txt", ground)
        add(tar, "ILSVRC2012_devkit_t12/readme.txt", b"DEVELOPMENT KIT")


# The tars: that of training has its classes, and these their images, in no order.
os.mkdir("tars")
in_order = dict(sorted(train.items(), key=lambda item: item[0], reverse=True))
tars = {f"{name}.tar": tar_of(images, format=tarfile.USTAR_FORMAT) for name, images in in_order.items()}
Path("tars/ILSVRC2012_img_train.tar").write_bytes(tar_of(tars, format=tarfile.GNU_FORMAT))
backwards = dict(reversed(val.items()))
Path("tars/ILSVRC2012_img_val.tar").write_bytes(tar_of(backwards, format=tarfile.PAX_FORMAT))
write_devkit("tars")

# Folders for the classes, as scripts make them.
val_class = dict(zip(val, (CLASSES[id] for id in truth_of_val)))
folders("folders", "train", [(f"{c}/{n}", x) for c, images in train.items() for n, x in images.items()])
folders("folders", "val", [(f"{val_class[n]}/{n}", x) for n, x in val.items()])

# What Kaggle's archive unpacks to.
data = "kaggle/ILSVRC/Data/CLS-LOC"
folders(data, "train", [(f"{c}/{n}", x) for c, images in train.items() for n, x in images.items()])
folders(data, "val", val.items())
words = {name: words for _, name, words, _ in SYNSETS}
Path("kaggle/LOC_synset_mapping.txt").write_text("".join(f"{n} {words[n]}\n" for n in NAMES))
rows = [f"{n[:-5]},{c} 1 2 3 4 {c} 5 6 7 8 \n" for n, c in sorted(val_class.items(), key=lambda i: i[1])]
Path("kaggle/LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "".join(rows))

# The images for validation in one folder, beside an unpacked devkit.
folders("flat", "val", val.items())
write_devkit("flat", compressed=False)
with tarfile.open("flat/ILSVRC2012_devkit_t12.tar.gz") as tar:
    tar.extractall("flat", filter="data")
os.remove("flat/ILSVRC2012_devkit_t12.tar.gz")

# Devkits with faults.
for name, options in {
    "another_class": {"lines": [*truth_of_val[:-1], 4]},
    "too_few_lines": {"lines": truth_of_val[:-1]},
    "too_many_lines": {"lines": [*truth_of_val, 1]},
    "no_synsets": {"title": b"sunsets"},
    "no_classes": {"synsets": SYNSETS[-1:]},
    "class_twice": {"synsets": SYNSETS + [(6, "n15075141", "", 0)]},
    "fewer_classes": {"synsets": SYNSETS[:3], "lines": [1]},
}.items():
    os.mkdir(name)
    os.link("tars/ILSVRC2012_img_val.tar", f"{name}/ILSVRC2012_img_val.tar")
    os.link("tars/ILSVRC2012_img_train.tar", f"{name}/ILSVRC2012_img_train.tar")
    write_devkit(name, **options)


def found(part):
    """The samples of torchvision's ImageFolder: classes sorted, then files sorted."""
    root = f"folders/{part}"
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    return [
        [name, label, Path(root, kind, name).read_bytes().hex()]
        for label, kind in enumerate(classes)
        for name in sorted(os.listdir(f"{root}/{kind}"))
    ]


truth = {"classes": NAMES, "train": found("train"), "val": found("val")}
Path("truth.json").write_text(json.dumps(truth))
