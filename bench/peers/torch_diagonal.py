"""Gated linear attention in both directions in PyTorch, in time linear in the length.

Each channel of the keys fades at its own pace, so that scores are no product of two
matrices unless a border lies between reader and source. Blocks of one token are joined
to blocks of two, of four, ... and at last to chunks: the two halves read each other
across the border between them, and no exponent is above 0. Between chunks go states.
"""

import math

import torch
from torch.nn import functional


def diagonal_scan(q, k, v, log_decay, chunk):
    """Returns [batch, heads, length, value_dim].

    q, k and log_decay are [batch, heads, length, dim], v is [batch, heads, length,
    value_dim]. Decays apply on arrival; the chunk is a power of two.
    """
    batch, heads, length, _ = q.shape
    chunk = math.gcd(length, chunk)
    queries, keys, values, decays = (
        x.reshape(batch * heads, length // chunk, chunk, -1) for x in (q, k, v, log_decay)
    )
    through = decays.cumsum(2)  # of a chunk's tokens up to each one, which counts
    before = functional.pad(through[:, :, :-1], (0, 0, 1, 0))  # ... and does not count
    total = through[:, :, -1:]

    sums = (queries * keys).sum(-1, keepdim=True) * values
    half = 1
    while half < chunk:
        sums = sums + _across(half, queries, keys, values, through, before)
        half *= 2

    onward = (keys * torch.exp(total - through)).transpose(-1, -2) @ values
    back = (keys * torch.exp(before)).transpose(-1, -2) @ values
    from_left, from_right = _carry(onward, back, torch.exp(total).transpose(-1, -2))
    sums = sums + (queries * torch.exp(through)) @ from_left
    sums = sums + (queries * torch.exp(total - before)) @ from_right
    return sums.view(batch, heads, length, -1)


def _across(half, queries, keys, values, through, before):
    """What the halves of blocks of twice that many tokens read of each other."""
    (q0, q1), (k0, k1), (v0, v1), (through0, through1), (before0, before1) = (
        x.unflatten(2, (-1, 2, half)).unbind(3) for x in (queries, keys, values, through, before)
    )
    border = through0[..., -1:, :]
    later = _read(q1 * torch.exp(through1 - border), k0 * torch.exp(border - through0), v0)
    earlier = _read(q0 * torch.exp(border - before0), k1 * torch.exp(before1 - border), v1)
    return torch.stack((earlier, later), 3).view_as(values)


def _read(queries, keys, values):
    if queries.shape[-2] == 1:  # a product of numbers is no work for a product of matrices
        return (queries * keys).sum(-1, keepdim=True) * values
    return (queries @ keys.transpose(-1, -2)) @ values


def _carry(onward, back, decays):
    """The states that reach each chunk from its left and from its right."""
    steps = torch.stack((onward, back.flip(1))).unbind(2)
    fades = torch.stack((decays, decays.flip(1))).unbind(2)
    state = torch.zeros_like(steps[0])
    states = []
    for step, fade in zip(steps, fades):
        states.append(state)
        state = torch.addcmul(step, state, fade)
    from_left, from_right = torch.stack(states, 2)
    return from_left, from_right.flip(1)
