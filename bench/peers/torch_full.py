"""The full form of LION in PyTorch: masks by cumulative sums, scores, division, product.

All of it is [length, length], and autograd keeps it for the gradients.
"""

import torch


def full_form(q, k, v, log_decay=None, scale=1.0, epsilon=1e-6):
    """Returns [batch, heads, length, value_dim]; arguments as of torch_scan.chunk_scan.

    Each direction makes a mask, whose other half is zero, and the two are added less the
    diagonal, as the authors' code does.
    """
    if scale != 1.0:
        q = q * scale
    scores = q @ k.transpose(-1, -2)
    if log_decay is not None:
        if log_decay.dim() == 1:
            log_decay = log_decay.view(1, -1, 1).expand(q.shape[:3])
        scores = scores * _two_masks(log_decay)
    return (scores / (scores.sum(-1, keepdim=True) + epsilon)) @ v


def _two_masks(log_decay):
    through = log_decay.cumsum(-1)
    before = through - log_decay
    forward = _half(before.unsqueeze(-1) - before.unsqueeze(-2))
    backward = _half(through.unsqueeze(-1) - through.unsqueeze(-2)).transpose(-1, -2)
    return forward + backward - torch.eye(log_decay.shape[-1])


def _half(exponents):
    return torch.tril(torch.exp(torch.tril(exponents)))
