"""Writes small files of GLUE as its zips have them, and what they say, as Hugging Face's glue.py reads them."""
import csv
import json
import os
import struct

# What a reader may take for more than characters.
ODD = ['He said "no', '"quoted"', "a\u2028b\u0085c", " kept ", "é 🦁", "", "it's; a, b", "#1 \\t \\n"]


def text(i):
    return f"{ODD[i % len(ODD)]}{i}" if i % len(ODD) != 5 else ""


def write(path, rows, end="\n", mark=""):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf8", newline="") as f:
        f.write(mark + end.join("\t".join(map(str, row)) for row in rows) + end)


def labelled(task, i):
    named = {
        "mnli": ["entailment", "neutral", "contradiction"],
        "qnli": ["entailment", "not_entailment"],
        "rte": ["entailment", "not_entailment"],
    }
    if task == "stsb":
        return ["3.800", "0.000", "5.000", "2.5"][i % 4]
    return named[task][i % len(named[task])] if task in named else (i // 2) % 2


# Folder, columns of the files, columns of texts, column of the label.
TASKS = {
    "cola": ("CoLA", "source is_acceptable mark sentence", ["sentence"], "is_acceptable"),
    "sst2": ("SST-2", "sentence label", ["sentence"], "label"),
    "mrpc": ("MRPC", "Quality|#1 ID|#2 ID|#1 String|#2 String", ["#1 String", "#2 String"], "Quality"),
    "qqp": ("QQP", "id qid1 qid2 question1 question2 is_duplicate", ["question1", "question2"], "is_duplicate"),
    "stsb": (
        "STS-B",
        "index genre filename year old_index source1 source2 sentence1 sentence2 score",
        ["sentence1", "sentence2"],
        "score",
    ),
    "mnli": (
        "MNLI",
        "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse sentence1 sentence2 label1 gold_label",
        ["sentence1", "sentence2"],
        "gold_label",
    ),
    "qnli": ("QNLI", "index question sentence label", ["question", "sentence"], "label"),
    "rte": ("RTE", "index sentence1 sentence2 label", ["sentence1", "sentence2"], "label"),
}


def make(task, part, count):
    folder, columns, texts, label = TASKS[task]
    columns = columns.split("|" if "|" in columns else " ")
    if part.startswith("test"):
        columns = ["index" if c == label and task == "mrpc" else c for c in columns]
        columns = ["index", "sentence"] if task == "cola" else [c for c in columns if c != label]
    rows = []
    for i in range(count):
        values = {c: f"{c}{i}" for c in columns}
        values.update({c: text(i + place) for place, c in enumerate(texts)})
        values[label] = labelled(task, i)
        # Annotators need not agree with the gold label.
        values["label1"] = "neutral"
        row = [values[c] for c in columns]
        rows.append(row)
    if task == "qqp" and part == "train":
        rows[2:2] = [["7", "8", "cut"], ["only"], [""]]
    header = [] if task == "cola" and not part.startswith("test") else [columns]
    if task == "mrpc":
        if part == "validation":
            return
        name = "msr_paraphrase_" + part + ".txt"
        write(f"{folder}/{name}", header + rows, "\r\n", "\ufeff")
        if part == "train":
            write(f"{folder}/mrpc_dev_ids.tsv", [[f"#1 ID{i}", f"#2 ID{i}"] for i in (1, 4, 5)])
        return
    name = part.replace("validation", "dev") + ".tsv"
    write(f"{folder}/{name}", header + rows)


def read(task, part):
    folder, _, texts, label = TASKS[task]
    if task == "mrpc":
        with open(f"{folder}/mrpc_dev_ids.tsv", encoding="utf8") as f:
            ids = [row[:2] for row in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE)]
        name = "msr_paraphrase_test.txt" if part == "test" else "msr_paraphrase_train.txt"
    else:
        name = part.replace("validation", "dev") + ".tsv"
    examples, left_out = [], 0
    with open(f"{folder}/{name}", encoding="utf8") as f:
        if task == "mrpc":
            f.seek(3)
        if task == "cola" and part != "test":
            reader = ({"sentence": r[3], "is_acceptable": r[1]} for r in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
        else:
            reader = csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
        for row in reader:
            found = [row[c] for c in texts]
            if None in found or (label in row and row[label] is None):
                left_out += 1
                continue
            if task == "mrpc" and part != "test":
                if ([row["#1 ID"], row["#2 ID"]] in ids) != (part == "validation"):
                    continue
            value = None
            if label in row:
                names = {"mnli": ["entailment", "neutral", "contradiction"]}.get(task, ["entailment", "not_entailment"])
                value = row[label]
                if task == "stsb":
                    value = struct.unpack("f", struct.pack("f", float(value)))[0]
                else:
                    value = names.index(value) if value in names else int(value)
            examples.append({"texts": found, "label": value})
    return {"examples": examples, "leftOut": left_out}


truth = {}
for task in TASKS:
    parts = ["train", "validation", "test"]
    if task == "mnli":
        parts = ["train", "validation_matched", "validation_mismatched", "test_matched", "test_mismatched"]
    for place, part in enumerate(parts):
        make(task, part, 11 - place)
    truth[task] = {part: read(task, part) for part in parts}
with open("truth.json", "w", encoding="utf8") as f:
    json.dump(truth, f)
