"""Single operations on a million numbers, and gradients of short chains of them."""

import torch
from torch.nn import functional


def gelu_by_tanh(x):
    return 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def normal_rows(x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)


def wave(x):
    return functional.softplus(x) * torch.sin(x)


OPERATIONS = {
    "add": torch.add,
    "exp": torch.exp,
    "log": torch.log,
    "tanh": torch.tanh,
    "softplus": functional.softplus,
    "sqrt": torch.sqrt,
    "pow": lambda x: torch.pow(x, 3),
    "maximum": torch.maximum,
    "where": torch.where,
    "sin": torch.sin,
    "softmax": lambda x: torch.softmax(x, -1),
    "sum": torch.sum,
    "cumsum": lambda x: torch.cumsum(x, -1),
    "transpose": lambda x: x.t().contiguous(),
    "pad": lambda x: functional.pad(x, (8, 8, 8, 8)),
    "random": lambda x: torch.rand(x.shape),
    "conv2d": lambda x, w: functional.conv2d(x, w, padding=1),
    "gradient of GELU by tanh": gelu_by_tanh,
    "gradient of normal rows": normal_rows,
    "gradient of softplus · sin": wave,
}


def operation_work(options, tensors):
    operation, inputs = OPERATIONS[options["name"]], list(tensors.values())
    if options["name"] == "conv2d":
        return convolution(operation, *inputs, channels_last=options["channels_last"])
    if options["name"] == "where":
        x, y, condition = inputs
        inputs = [condition.bool(), x, y]
    if not options["name"].startswith("gradient"):

        def forward():
            with torch.inference_mode():
                return [operation(*inputs)]

        return forward
    x, dy = inputs
    x.requires_grad_()
    return lambda: list(torch.autograd.grad(operation(x), x, dy))


def convolution(operation, x, w, channels_last):
    """x is [batch, height, width, channels], w [height, width, in, out], as TensorFlow has them."""
    memory = torch.channels_last if channels_last else torch.contiguous_format
    x = x.permute(0, 3, 1, 2).contiguous(memory_format=memory)
    w = w.permute(3, 2, 0, 1).contiguous(memory_format=memory)

    def forward():
        with torch.inference_mode():
            # A view, which costs nothing: outputs are compared in TensorFlow's order.
            return [operation(x, w).permute(0, 2, 3, 1)]

    return forward
