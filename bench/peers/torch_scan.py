"""Bidirectional linear attention with decay in PyTorch, in time linear in the length.

The sequence is cut in chunks: inside a chunk one masked matrix product, between chunks
states. There is no Python loop over tokens or chunks, and autograd differentiates it.
"""

import torch
from torch.nn import functional

CHUNK = 64


def chunk_scan(q, k, v, log_decay=None, scale=1.0, epsilon=1e-6, normalize=True):
    """Returns [batch, heads, length, value_dim], each row divided by its sum of weights.

    q, k and v are [batch, heads, length, dim]. log_decay is None for LION-LIT, [heads]
    for LION-D and [batch, heads, length] for LION-S, where the decay of the source
    counts and that of the reader does not. A last chunk that is not full is filled with
    keys of zeros, which weigh nothing.
    """
    batch, heads, length, dim = q.shape
    chunk = min(length, CHUNK)
    chunks = -(-length // chunk)
    sequences, missing = batch * heads, chunks * chunk - length
    if log_decay is not None and log_decay.dim() == 1:
        log_decay = log_decay.view(1, heads, 1).expand(batch, heads, length)
    if scale != 1.0:
        q = q * scale
    values = torch.cat((v, v.new_ones(batch, heads, length, 1)), -1) if normalize else v
    if missing > 0:
        q, k, values = (functional.pad(x, (0, 0, 0, missing)) for x in (q, k, values))
        log_decay = None if log_decay is None else functional.pad(log_decay, (0, missing))
    values = values.reshape(sequences, chunks, chunk, -1)
    queries = q.reshape(sequences, chunks, chunk, dim)
    keys = k.reshape(sequences, chunks, chunk, dim)
    scores = queries @ keys.transpose(-1, -2)
    if log_decay is None:
        states = keys.transpose(-1, -2) @ values
        others = states.sum(1, keepdim=True) - states
        sums = scores @ values + queries @ others
    else:
        sums = _decayed(queries, keys, values, scores, log_decay.reshape(sequences, chunks, chunk))
    sums = sums.view(batch, heads, chunks * chunk, -1)[:, :, :length]
    if not normalize:
        return sums
    return sums[..., :-1] / (sums[..., -1:] + epsilon)


def _decayed(queries, keys, values, scores, log_decay):
    sequences, chunks, chunk, dim = queries.shape
    through = log_decay.cumsum(-1)  # of a chunk's tokens up to each one, which counts
    before = through - log_decay  # ... and does not count
    total = through[..., -1:]

    # Inside a chunk: from j to a later i the decays of j to i - 1, to an earlier i
    # those of i + 1 to j.
    later = before.unsqueeze(-1) - before.unsqueeze(-2)
    earlier = through.unsqueeze(-2) - through.unsqueeze(-1)
    is_later = torch.ones(chunk, chunk, dtype=torch.bool).tril()
    inside = (scores * torch.exp(torch.where(is_later, later, earlier))) @ values

    # What each chunk hands to those after it and to those before it.
    onward = keys * torch.exp(total - before).unsqueeze(-1)
    back = keys * torch.exp(through).unsqueeze(-1)
    states = torch.cat((onward, back), -1).transpose(-1, -2) @ values
    states_onward = states[:, :, :dim].reshape(sequences, chunks, -1)
    states_back = states[:, :, dim:].reshape(sequences, chunks, -1)

    # Between chunks: the totals of the chunks that lie between the two.
    through_chunks = total.squeeze(-1).cumsum(-1)
    before_chunks = through_chunks - total.squeeze(-1)
    between = before_chunks.unsqueeze(-1) - through_chunks.unsqueeze(-2)
    is_after = torch.ones(chunks, chunks, dtype=torch.bool).tril(-1)
    weights = torch.exp(between.masked_fill(~is_after, float("-inf")))
    carried = torch.cat(
        (
            (weights @ states_onward).view(sequences, chunks, dim, -1),
            (weights.transpose(-1, -2) @ states_back).view(sequences, chunks, dim, -1),
        ),
        -2,
    )
    readers = torch.cat(
        (
            queries * torch.exp(before).unsqueeze(-1),
            queries * torch.exp(total - through).unsqueeze(-1),
        ),
        -1,
    )
    return inside + readers @ carried
