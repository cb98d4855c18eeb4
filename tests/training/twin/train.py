"""Trains the models of models.py on what a test has written down, and prints what it saw.

Each argument is a safetensors file: first weights as `weights/NAME`, the inputs and labels
of all steps as `inputs/0`, ..., and `labels`, and what else there is to know as JSON under
`job` in its metadata. Prints a line of JSON for each: the losses of the steps and the norms
of their gradients before clipping. All is computed in float64.
"""

import json
import math
import struct
import sys

import torch
from torch.nn import functional

from models import MODELS

DTYPES = {"F32": torch.float32, "I32": torch.int32}


def read_safetensors(path):
    """Tensors by name, and the metadata."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), bytearray(file.read())
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.view(entry["shape"])
    return tensors, metadata


def learning_rate(step, peak, warm_up_steps, steps):
    """Rises linearly, then falls along half a cosine; steps count from 1."""
    if step <= warm_up_steps:
        return peak * step / warm_up_steps
    return peak * (1 + math.cos(math.pi * (step - warm_up_steps) / (steps - warm_up_steps))) / 2


def decays(name, parameter):
    """Weight decay is for matrices and tables, those of positions excepted."""
    return parameter.ndim >= 2 and "position_embeddings" not in name and "wpe" not in name


def train(job, tensors):
    model = MODELS[job["model"]](**job["options"]).double()
    weights = {name[len("weights/"):]: x for name, x in tensors.items() if name.startswith("weights/")}
    model.load_state_dict(weights)
    inputs = [tensors[name] for name in sorted(tensors) if name.startswith("inputs/")]
    labels, optimizer, steps = tensors["labels"].long(), job["optimizer"], len(tensors["labels"])
    named = list(model.named_parameters())
    groups = [
        {"params": [x for name, x in named if decays(name, x)]},
        {"params": [x for name, x in named if not decays(name, x)], "weight_decay": 0},
    ]
    adam = torch.optim.AdamW(
        groups,
        betas=(optimizer["beta1"], optimizer["beta2"]),
        eps=optimizer["epsilon"],
        weight_decay=optimizer["weightDecay"],
    )
    losses, norms = [], []
    for step in range(1, steps + 1):
        rate = learning_rate(step, optimizer["learningRate"], optimizer["warmUpSteps"], steps)
        for group in adam.param_groups:
            group["lr"] = rate
        logits = model(*(x[step - 1] for x in inputs))
        loss = functional.cross_entropy(logits.flatten(0, -2), labels[step - 1].flatten(), ignore_index=-100)
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), optimizer["clipNorm"])
        adam.step()
        losses.append(loss.item())
        norms.append(norm.item())
    return {"losses": losses, "gradientNorms": norms}


torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
for path in sys.argv[1:]:
    tensors, metadata = read_safetensors(path)
    print(json.dumps(train(json.loads(metadata["job"]), tensors)), flush=True)
