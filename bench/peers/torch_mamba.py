"""Mamba's selective scan in PyTorch, in time linear in the length.

Exponentials and products of a chunk are made all at once, and its states by one call a
token. Only the states before chunks are kept; the gradient makes those of a chunk again.
"""

import torch


def selective_scan(x, dt, a, b, c, d, z, chunk):
    """Returns [batch, length, channels].

    x, dt and z are [batch, length, channels], a is [channels, state_dim], b and c are
    [batch, length, state_dim], d is [channels].
    """
    return (_Scan.apply(x, dt, a, b, c, chunk) + d * x) * torch.nn.functional.silu(z)


def _chunks(chunk, *tensors):
    return zip(*(tensor.split(chunk, 1) for tensor in tensors))


def _fill(states, decays, written):
    """Makes states[:, t + 1] of states[:, t], in place."""
    before = states.unbind(1)
    for old, new, decay, write in zip(before, before[1:], decays.unbind(1), written.unbind(1)):
        torch.addcmul(write, decay, old, out=new)


def _open(x, dt, a, b, before):
    """The decays and states of a chunk: one more than tokens, the first is `before`."""
    steps = dt.unsqueeze(-1)
    decays = torch.exp_(steps * a)
    written = (dt * x).unsqueeze(-1) * b.unsqueeze(2)
    states = x.new_empty(x.shape[0], x.shape[1] + 1, *a.shape)
    states[:, 0] = before
    _fill(states, decays, written)
    return decays, states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dt, a, b, c, chunk):
        before = x.new_zeros(x.shape[0], *a.shape)
        kept, outputs = [], []
        for x_, dt_, b_, c_ in _chunks(chunk, x, dt, b, c):
            kept.append(before)
            _, states = _open(x_, dt_, a, b_, before)
            outputs.append((states[:, 1:] @ c_.unsqueeze(-1)).squeeze(-1))
            before = states[:, -1].clone()
        ctx.save_for_backward(x, dt, a, b, c, *kept)
        ctx.chunk = chunk
        return torch.cat(outputs, 1)

    @staticmethod
    def backward(ctx, dy):
        x, dt, a, b, c, *kept = ctx.saved_tensors
        carried = torch.zeros_like(kept[0])
        da = torch.zeros_like(a)
        gradients = []
        for before, (x_, dt_, b_, c_, dy_) in reversed(list(zip(kept, _chunks(ctx.chunk, x, dt, b, c, dy)))):
            decays, states = _open(x_, dt_, a, b_, before)
            given = dy_.unsqueeze(-1) * c_.unsqueeze(2)
            state_gradients = torch.empty_like(given)
            # The gradient in each state: its own output's, and its successor's, decayed.
            torch.add(given[:, -1], carried, out=state_gradients[:, -1])
            each = state_gradients.unbind(1)
            for new, old, decay, own in zip(each[-2::-1], each[:0:-1], decays.unbind(1)[:0:-1], given.unbind(1)[-2::-1]):
                torch.addcmul(own, decay, old, out=new)
            carried = decays[:, 0] * state_gradients[:, 0]
            read = (state_gradients @ b_.unsqueeze(-1)).squeeze(-1)
            dc = (dy_.unsqueeze(2) @ states[:, 1:]).squeeze(2)
            db = ((dt_ * x_).unsqueeze(2) @ state_gradients).squeeze(2)
            weighed = state_gradients.mul_(decays).mul_(states[:, :-1])
            da += torch.einsum("blcn,blc->cn", weighed, dt_)
            ddt = torch.einsum("blcn,cn->blc", weighed, a) + read * x_
            gradients.append((read * dt_, ddt, db, dc))
        dx, ddt, db, dc = (torch.cat(parts[::-1], 1) for parts in zip(*gradients))
        return dx, ddt, da, db, dc, None
