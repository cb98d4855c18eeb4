"""The encoder of training_step.ts in PyTorch: its modules, its Adam, its loss."""

import torch
from torch import nn
from torch.nn import functional

from torch_scan import chunk_scan


def shifted_silu(x):
    shifted = functional.silu(x) + 0.5
    return shifted / shifted.norm(dim=-1, keepdim=True)


class Block(nn.Module):
    def __init__(self, variant, width, heads):
        super().__init__()
        self.variant, self.heads = variant, heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        if variant == "d":
            self.attn.register_parameter("a_i", nn.Parameter(torch.empty(heads)))
        if variant == "s":
            self.attn["a_i"] = nn.Linear(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        hidden = functional.gelu(self.mlp["fc1"](self.norm2(x)))
        return x + self.mlp["fc2"](hidden)

    def attend(self, x):
        batch, length, width = x.shape
        head_dim = width // self.heads
        split = self.attn["qkv"](x).view(batch, length, 3, self.heads, head_dim)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        if self.variant == "lit":
            q, k, log_decay = functional.elu(q) + 1, functional.elu(k) + 1, None
        else:
            q, k = shifted_silu(q), shifted_silu(k)
            logits = self.attn.a_i if self.variant == "d" else -self.attn["a_i"](x).transpose(1, 2)
            log_decay = functional.logsigmoid(logits)
        y = chunk_scan(q, k, v, log_decay, scale=head_dim**-0.5)
        return self.attn["proj"](y.transpose(1, 2).reshape(batch, length, width))


class Encoder(nn.Module):
    def __init__(self, variant, width, heads, depth, classes):
        super().__init__()
        self.blocks = nn.ModuleList(Block(variant, width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class Training:
    """Steps of Adam from given weights."""

    def __init__(self, options, tensors):
        self.inputs, self.labels = tensors.pop("inputs"), tensors.pop("labels").long()
        learning_rate, epsilon = options.pop("learning_rate"), options.pop("adam_epsilon")
        self.model = Encoder(**options)
        self.model.load_state_dict(tensors)
        self.adam = torch.optim.Adam(self.model.parameters(), lr=learning_rate, eps=epsilon)

    def step(self):
        self.adam.zero_grad()
        loss = functional.cross_entropy(self.model(self.inputs), self.labels)
        loss.backward()
        self.adam.step()
        return [loss.detach()]
