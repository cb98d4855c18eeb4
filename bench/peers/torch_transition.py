"""Delta rules of rank one in both directions in PyTorch, in time linear in the length.

S_i = (diag(e^g_i) + b_i a_i^T) S_{i-1} + k_i v_i^T: what the rows of a chunk add is the
solution of a triangular system, for all chunks at once; between chunks goes the state. A
token may have several rows, its steps, of which the first decays and the last is read.
The second direction is the first one of the tokens turned round, and what a token writes
itself counts once. Decays within a chunk are divided at half of their sum, which is
exact enough as long as no channel's sum is below -60.
"""

import math

import torch


def rwkv7_scan(r, log_decay, k, v, a, b, chunk):
    """All [batch, heads, length, dim]; returns the same."""
    both = (_both_ways(x) for x in (r, k, v, a, b, log_decay))
    return _joined(_one_way(*both, chunk), v) - (r * k).sum(-1, keepdim=True) * v


def gated_delta_net_2_scan(q, k, v, log_decay, erase, write, chunk):
    """All [batch, heads, length, dim]; returns the same."""
    reads = -torch.exp(log_decay) * erase * k
    written = write * v
    q2, k2, v2, a2, decay2 = (_both_ways(x) for x in (q, k, written, reads, log_decay))
    return _joined(_one_way(q2, k2, v2, a2, None, decay2, chunk), v) - (q * k).sum(-1, keepdim=True) * written


def delta_product_scan(q, k, v, beta, chunk):
    """q is [batch, heads, length, dim], k and v [batch, heads, length, steps, dim], beta
    [batch, heads, length, steps]; returns [batch, heads, length, dim]."""
    steps = k.shape[3]
    written = beta.unsqueeze(-1) * k
    rows = (_both_ways(x).flatten(1, 2) for x in (written, v, -k))
    y = _one_way(_both_ways(q), *rows, None, None, chunk, steps)

    own, news = 0.0, []
    for step in range(steps):
        new = v[:, :, :, step]
        for earlier, old in enumerate(news):
            new = new - (k[:, :, :, step] * written[:, :, :, earlier]).sum(-1, keepdim=True) * old
        news.append(new)
        own = own + (q * written[:, :, :, step]).sum(-1, keepdim=True) * new
    return _joined(y, q) - own


def _both_ways(x):
    return torch.stack((x, x.flip(2))).flatten(0, 2)


def _joined(y, like):
    y = y.view(2, *like.shape[:3], -1)
    return y[0] + y[1].flip(2)


def _one_way(q, k, v, a, b, decay, chunk, steps=1):
    """q is [sequences, tokens, dim], k, v, a, and b if it is not k, have steps rows a token."""
    rows = steps * math.gcd(q.shape[1], max(1, chunk // steps))
    queries = q.unflatten(1, (-1, rows // steps))
    keys, values, reads = (x.unflatten(1, (-1, rows)) for x in (k, v, a))
    adds = keys if b is None else b.unflatten(1, (-1, rows))
    if decay is None:
        fade = None
        from_left, read_left, to_right = queries, reads, adds
        keys_right, near = keys, (queries, reads, adds, keys)
    else:
        through = decay.unflatten(1, (-1, rows)).cumsum(2)
        before = through - decay.unflatten(1, (-1, rows))
        total = through[:, :, -1:]
        fade, half = torch.exp(total).transpose(-1, -2), total / 2
        arriving, leaving = torch.exp(through - half), torch.exp(half - through)
        near_reads, near_adds = reads * torch.exp(before - half), adds * leaving
        near_keys = near_adds if b is None else keys * leaving
        near = (queries * arriving, near_reads, near_adds, near_keys)
        outer = torch.exp(half)
        from_left, read_left, to_right, keys_right = (x * outer for x in near)

    near_queries, near_reads, near_adds, near_keys = near
    at = torch.arange(rows)
    last = at[steps - 1 :: steps]
    is_seen = at <= last.unsqueeze(1)
    corrections = -near_reads @ near_adds.transpose(-1, -2)
    scores = (near_queries @ near_adds.transpose(-1, -2)) * is_seen
    found = values if b is None else (near_reads @ near_keys.transpose(-1, -2)).tril(-1) @ values
    # The diagonal, and what is above it, is not read.
    solved = torch.linalg.solve_triangular(
        corrections, torch.cat((found, read_left), -1), upper=False, unitriangular=True
    )
    fresh, stale = solved.split((values.shape[-1], keys.shape[-1]), -1)
    direct = None if b is None else keys_right.transpose(-1, -2) @ values
    states, added = _carry(fresh, stale, to_right.transpose(-1, -2), fade, direct)
    y = from_left @ states + scores @ added
    if b is not None:
        y = y + ((near_queries @ near_keys.transpose(-1, -2)) * is_seen) @ values
    return y.flatten(1, 2)


def _carry(fresh, stale, onward, fades, direct):
    """The state before each chunk, and what the chunk's rows add."""
    state = fresh.new_zeros(fresh.shape[0], stale.shape[-1], fresh.shape[-1])
    states, added = [], []
    for at in range(fresh.shape[1]):
        states.append(state)
        added.append(torch.baddbmm(fresh[:, at], stale[:, at], state))
        if fades is not None:
            state = fades[:, at] * state
        if direct is not None:
            state = state + direct[:, at]
        state = torch.baddbmm(state, onward[:, at], added[-1])
    return torch.stack(states, 1), torch.stack(added, 1)
