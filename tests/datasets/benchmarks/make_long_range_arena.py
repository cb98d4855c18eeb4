"""Writes small files as those of Long Range Arena, and what its programs make of them."""
import csv, json, os
import numpy
from PIL import Image

random = numpy.random.default_rng(1)


def tree(depth):
    """An expression as listops.py writes it, and its value."""
    if depth == 0 or random.random() < 0.3:
        digit = int(random.integers(10))
        return str(digit), digit
    name, value = [("[MIN", min), ("[MAX", max), ("[SM", lambda v: sum(v) % 10),
                   ("[MED", lambda v: int(numpy.median(v)))][random.integers(4)]
    parts = [tree(depth - 1) for _ in range(random.integers(2, 6))]
    text = name
    for part, _ in parts:
        text = f"( {text} {part} )"
    return f"( {text} ] )", value([number for _, number in parts])


# S4's listops_tokenizer, of which the first 2,000 tokens are taken.
TABLE = {ord("]"): ord("X"), ord("("): None, ord(")"): None}
os.makedirs("lra_release/listops-1000")
listops = {}
for part in ("train", "val", "test"):
    rows = [tree(4) for _ in range(5)]
    if part == "val":
        text, value = rows[0]
        rows.append((f"( ( [SM {text} ) {' '.join('0' * 2100)} ] )", value))
    with open(f"lra_release/listops-1000/basic_{part}.tsv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["Source", "Target"])
        writer.writerows(rows)
    listops[part] = [[text.translate(TABLE).split()[:2000], value] for text, value in rows]

os.makedirs("lra_release/lra_release/tsv_data")
retrieval = {}
for part in ("train", "eval", "test"):
    texts = ['a "quoted one', "'\"", "é\u2028🦁 " * 1500, "", "x" * 4001]
    rows = [[label, f"P{i}", "P\u00a02", texts[i], texts[-1 - i]]
            for i, label in enumerate(["0", "1", "1.0", "0.0", "1"])]
    name = f"lra_release/lra_release/tsv_data/new_aan_pairs.{part}.tsv"
    with open(name, "w", newline="", encoding="utf-8") as file:
        for row in rows:
            file.write("\t".join(row) + ("\r\n" if part == "test" else "\n"))
    with open(name, encoding="utf-8", newline="") as file:
        # tfds' ByteTextEncoder: one more than each byte.
        ids = lambda text: [byte + 1 for byte in text.encode("utf-8")[:4000]]
        retrieval[part] = [
            [ids(row[3]), ids(row[4]), int(float(row[0]))]
            for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]

os.mkdir("cifar-10-batches-bin")
names = "airplane automobile bird cat deer dog frog horse ship truck".split()
with open("cifar-10-batches-bin/batches.meta.txt", "w") as file:
    file.write("\n".join(names) + "\n\n")
image = {}
for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
    count = 4 if name == "data_batch_5" else 2
    pixels = random.integers(0, 256, [count, 3, 32, 32], dtype=numpy.uint8)
    labels = random.integers(0, 10, [count, 1], dtype=numpy.uint8)
    records = numpy.concatenate([labels, pixels.reshape(count, -1)], 1)
    records.tofile(f"cifar-10-batches-bin/{name}.bin")
    image[name] = [
        [numpy.asarray(Image.fromarray(one.transpose(1, 2, 0)).convert("L")).ravel().tolist(),
         int(label)]
        for one, [label] in zip(pixels, labels)]

pathfinder = {}
for folder, count, side in [("pathfinder32/curv_contour_length_14", 60, 32),
                            ("pathfinder32/curv_baseline", 175, 32),
                            ("pathfinder128/curv_contour_length_14", 20, 128)]:
    os.makedirs(f"lra_release/{folder}/metadata")
    found = []
    for part, k in enumerate([0, 10, 2]):
        os.makedirs(f"lra_release/{folder}/imgs/{k}")
        lines = []
        for i in range(count if k == 0 else 5):
            name = f"imgs/{k}/sample_{i}.png"
            label = int(random.integers(2))
            lines.append(f"imgs/{k} sample_{i}.png {i} {label} 1.8 6 2.0 5 1.5 2 1")
            path = f"lra_release/{folder}/{name}"
            if path == "lra_release/pathfinder32/curv_baseline/imgs/0/sample_172.png":
                open(path, "wb").close()
                continue
            pixels = numpy.full([side, side], part * 80 + i % 80, numpy.uint8)
            pixels[i % side, 0] = 255
            Image.fromarray(pixels).save(path)
            pixels = numpy.asarray(Image.open(path).convert("L")).ravel()
            found.append([k, name, pixels.tolist() if i < 2 else pixels[:side].tolist(), label])
        with open(f"lra_release/{folder}/metadata/{k}.npy", "w") as file:
            file.write("\n".join(lines) + "\n")
    # S4 reads the metadata by number.
    pathfinder[folder] = sorted(found, key=lambda one: one[0])

json.dump({"listops": listops, "retrieval": retrieval, "image": image,
           "pathfinder": pathfinder}, open("expected.json", "w"))
