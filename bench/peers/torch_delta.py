"""The gated delta rule in both directions in PyTorch, in time linear in the length.

What the tokens of a chunk write is the solution of a triangular system (WY), for all
chunks at once; between chunks goes the state. The second direction is the first one of
the sequence turned round, and what a token writes itself counts once.
"""

import math

import torch


def delta_scan(q, k, v, beta, log_decay, chunk):
    """Returns [batch, heads, length, value_dim].

    q and k are [batch, heads, length, dim], v is [batch, heads, length, value_dim], beta
    and log_decay are [batch, heads, length]. Decays apply on arrival.
    """
    beta, log_decay = beta.unsqueeze(-1), log_decay.unsqueeze(-1)
    both = (torch.stack((x, x.flip(2))).flatten(0, 2) for x in (q, k, v, beta, log_decay))
    y = _one_way(*both, math.gcd(q.shape[2], chunk)).view(2, *v.shape)
    return y[0] + y[1].flip(2) - beta * (q * k).sum(-1, keepdim=True) * v


def _one_way(q, k, v, beta, log_decay, chunk):
    queries, keys, values, beta, decays = (x.unflatten(1, (-1, chunk)) for x in (q, k, v, beta, log_decay))
    through = decays.cumsum(2)  # of a chunk's tokens up to each one, which counts
    total = through[:, :, -1:]
    fade = torch.exp(through)

    is_later = torch.ones(chunk, chunk, dtype=torch.bool).tril()
    between = (through - through.transpose(-1, -2)).masked_fill(~is_later, float("-inf"))
    inside = torch.exp(between)  # from a token to itself and to those after it
    written = beta * keys
    corrections = (written @ keys.transpose(-1, -2)) * inside
    given = torch.cat((beta * values, fade * written), -1)
    # The diagonal, and what is above it, is not read.
    solved = torch.linalg.solve_triangular(corrections, given, upper=False, unitriangular=True)
    fresh, stale = solved.split((values.shape[-1], keys.shape[-1]), -1)

    onward = (keys * torch.exp(total - through)).transpose(-1, -2)
    states, pseudo_values = _carry(fresh, stale, onward, torch.exp(total))
    scores = (queries @ keys.transpose(-1, -2)) * inside
    return ((fade * queries) @ states + scores @ pseudo_values).flatten(1, 2)


def _carry(fresh, stale, onward, fades):
    """The state before each chunk, and what the chunk's tokens write."""
    state = fresh.new_zeros(fresh.shape[0], stale.shape[-1], fresh.shape[-1])
    states, pseudo_values = [], []
    for new, old, keys, fade in zip(*(x.unbind(1) for x in (fresh, stale, onward, fades))):
        states.append(state)
        pseudo_values.append(torch.baddbmm(new, old, state, alpha=-1))
        state = torch.baddbmm(fade * state, keys, pseudo_values[-1])
    return torch.stack(states, 1), torch.stack(pseudo_values, 1)
