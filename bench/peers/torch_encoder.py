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
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        if variant == "d":
            self.decay_logits = nn.Parameter(torch.empty(heads))
        if variant == "s":
            self.gate = nn.Linear(width, heads)
        self.projection = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attend(self.attention_norm(x))
        hidden = functional.gelu(self.up(self.mlp_norm(x)))
        return x + self.down(hidden)

    def attend(self, x):
        batch, length, width = x.shape
        head_dim = width // self.heads
        split = self.query_key_value(x).view(batch, length, 3, self.heads, head_dim)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        if self.variant == "lit":
            q, k, log_decay = functional.elu(q) + 1, functional.elu(k) + 1, None
        else:
            q, k = shifted_silu(q), shifted_silu(k)
            logits = self.decay_logits if self.variant == "d" else self.gate(x).transpose(1, 2)
            log_decay = functional.logsigmoid(logits)
        y = chunk_scan(q, k, v, log_decay, scale=head_dim**-0.5)
        return self.projection(y.transpose(1, 2).reshape(batch, length, width))


class Encoder(nn.Module):
    def __init__(self, variant, width, heads, depth, classes):
        super().__init__()
        self.blocks = nn.ModuleList(Block(variant, width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class Training:
    """Steps of Adam from given weights; those of nn.Linear come transposed."""

    def __init__(self, options, tensors):
        self.inputs, self.labels = tensors.pop("inputs"), tensors.pop("labels").long()
        learning_rate, epsilon = options.pop("learning_rate"), options.pop("adam_epsilon")
        self.model = Encoder(**options)
        self.model.load_state_dict({name: x.T if x.dim() == 2 else x for name, x in tensors.items()})
        self.adam = torch.optim.Adam(self.model.parameters(), lr=learning_rate, eps=epsilon)

    def step(self):
        self.adam.zero_grad()
        loss = functional.cross_entropy(self.model(self.inputs), self.labels)
        loss.backward()
        self.adam.step()
        return [loss.detach()]
