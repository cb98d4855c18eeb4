"""Times single runs in PyTorch on request, so that they can alternate with others.

Reads requests as lines of JSON and answers each with a line of JSON:

    {"work": a name in WORKS, "options": {...},
     "tensors": [[name, shape], ...], "file": path}    -> {}
        prepares one computation; the file holds the tensors in float32
    {"run": true}                                      -> {"milliseconds": number}
    {"outputs": path}                                  -> {"sizes": [...]}
        computes and writes the outputs in float32
    {"release": true}                                  -> {}

The first line that it writes is {"version": ..., "vectors": ...}. What the threads of the BLAS and the
allocator do is decided by the environment, before Python starts: see torch.ts.
"""

import functools
import json
import math
import os
import sys
import time

import torch

from torch_delta import delta_scan
from torch_diagonal import diagonal_scan
from torch_encoder import train_encoder
from torch_full import full_form
from torch_mamba import selective_scan
from torch_models import model_work
from torch_operations import operation_work
from torch_scan import chunk_scan
from torch_transition import delta_product_scan, gated_delta_net_2_scan, rwkv7_scan

# Scans in chunks, by their names.
SCANS = {
    "diagonal": diagonal_scan,
    "gated delta": delta_scan,
    "RWKV-7": rwkv7_scan,
    "Gated DeltaNet-2": gated_delta_net_2_scan,
    "DeltaProduct": delta_product_scan,
    "selective scan": selective_scan,
}


def attention(options, tensors):
    if options["form"] == "softmax":
        attend = functools.partial(torch.nn.functional.scaled_dot_product_attention, scale=1.0)
    elif options["form"] == "full":
        attend = full_form
    elif options["form"] in SCANS:
        attend = functools.partial(SCANS[options["form"]], chunk=options["chunk"])
    else:
        attend = chunk_scan
    dy = tensors.pop("dy")
    inputs = list(tensors.values())
    if options["pass"] == "forward":

        def forward():
            with torch.no_grad():
                return [attend(*inputs)]

        return forward
    for tensor in inputs:
        tensor.requires_grad_()

    def with_gradients():
        y = attend(*inputs)
        return [y.detach(), *torch.autograd.grad(y, inputs, dy)]

    return with_gradients


def matmul(options, tensors):
    # A batch of one would not take the path of two matrices.
    a, b = tensors["a"].squeeze(0), tensors["b"].squeeze(0)
    if options["transpose_a"]:
        a = a.transpose(-1, -2)
    if options["transpose_b"]:
        b = b.transpose(-1, -2)
    return lambda: [a @ b]


WORKS = {
    "attention": attention,
    "matmul": matmul,
    "training": train_encoder,
    "operation": operation_work,
    "model": model_work,
}


def read_tensors(request):
    with open(request["file"], "rb") as file:
        return {
            name: torch.frombuffer(bytearray(file.read(4 * math.prod(shape))), dtype=torch.float32).view(shape)
            for name, shape in request["tensors"]
        }


def write_outputs(outputs, path):
    values = torch.cat([output.detach().reshape(-1) for output in outputs])
    torch.from_file(path, shared=True, size=values.numel()).copy_(values)
    return [output.numel() for output in outputs]


def answer(request, work):
    """Returns the answer and the computation to keep."""
    if "work" in request:
        return {}, WORKS[request["work"]](request["options"], read_tensors(request))
    if "run" in request:
        start = time.perf_counter()
        outputs = work()
        milliseconds = 1e3 * (time.perf_counter() - start)
        del outputs
        return {"milliseconds": milliseconds}, work
    if "outputs" in request:
        return {"sizes": write_outputs(work(), request["outputs"])}, work
    return {}, None


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    vectors = torch.backends.cpu.get_cpu_capability()
    print(json.dumps({"version": torch.__version__, "vectors": vectors}), flush=True)
    work = None
    for line in sys.stdin:
        try:
            reply, work = answer(json.loads(line), work)
        except Exception as error:
            # Such as memory that is not there; what comes next may fit.
            reply, work = {"error": f"{type(error).__name__}: {error}"}, None
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
