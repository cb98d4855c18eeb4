"""Blocks with several mixers in PyTorch, the encoder of steps_figure.ts, and a step of Adam."""

import torch
from torch import nn
from torch.nn import functional

from torch_scan import chunk_scan


def shifted_silu(x):
    shifted = functional.silu(x) + 0.5
    return shifted / shifted.norm(dim=-1, keepdim=True)


class Block(nn.Module):
    def __init__(self, variant, width, heads, has_class_token=False):
        super().__init__()
        self.variant, self.heads, self.has_class_token = variant, heads, has_class_token
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.ModuleDict()
        if variant.startswith("average"):
            self.attn.register_parameter("pace", nn.Parameter(torch.empty(width)))
        else:
            self.attn["qkv"], self.attn["proj"] = nn.Linear(width, 3 * width), nn.Linear(width, width)
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
        if self.variant.startswith("average"):
            log_decay = functional.logsigmoid(self.attn.pace)
            return (average_by_scan if self.variant == "average by scan" else average_by_matrix)(x, log_decay)
        batch, length, width = x.shape
        head_dim = width // self.heads
        split = self.attn["qkv"](x).view(batch, length, 3, self.heads, head_dim)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        if self.variant == "softmax":
            y = functional.scaled_dot_product_attention(q, k, v)
            return self.attn["proj"](y.transpose(1, 2).reshape(batch, length, width))
        if self.variant == "lit":
            q, k, log_decay = functional.elu(q) + 1, functional.elu(k) + 1, None
        else:
            q, k = shifted_silu(q), shifted_silu(k)
            logits = self.attn.a_i if self.variant == "d" else -self.attn["a_i"](x).transpose(1, 2)
            log_decay = functional.logsigmoid(logits)
            if self.has_class_token and self.variant == "s":
                # LION-S does not decay the class token.
                log_decay = functional.pad(log_decay[..., 1:], (1, 0))
        y = chunk_scan(q, k, v, log_decay, scale=head_dim**-0.5)
        return self.attn["proj"](y.transpose(1, 2).reshape(batch, length, width))


def average_by_scan(x, log_decay):
    """The mixer of mixer_figure.ts: channels of [batch, length, channels], averaged in both directions."""
    values = x.transpose(1, 2).unsqueeze(-1)
    ones = torch.ones_like(values)
    return chunk_scan(ones, ones, values, log_decay).squeeze(-1).transpose(1, 2)


def average_by_matrix(x, log_decay):
    """The same, with a matrix of weights for each channel."""
    places = torch.arange(x.shape[1])
    distances = (places.unsqueeze(-1) - places).abs()
    weights = torch.exp(log_decay.view(-1, 1, 1) * distances)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-6)
    return (weights @ x.permute(2, 1, 0)).permute(2, 1, 0)


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


def training_step(model, inputs, labels, learning_rate, epsilon):
    """A function that takes a step of Adam and returns the loss before it."""
    adam = torch.optim.Adam(model.parameters(), lr=learning_rate, eps=epsilon, fused=True)

    def step():
        adam.zero_grad()
        loss = functional.cross_entropy(model(*inputs), labels)
        loss.backward()
        adam.step()
        return [loss.detach()]

    return step


def train_encoder(options, tensors):
    """Steps from given weights."""
    inputs, labels = tensors.pop("inputs"), tensors.pop("labels").long()
    learning_rate, epsilon = options.pop("learning_rate"), options.pop("adam_epsilon")
    model = Encoder(**options)
    model.load_state_dict(tensors)
    return training_step(model, [inputs], labels, learning_rate, epsilon)
