"""LION's encoder, GPT and BERT in plain PyTorch, written from the formulas of the papers.

Attention is in its full form, y_i = sum_j M_ij (q_i . k_j) v_j / sqrt(d), with the whole
matrix in memory. Parameters have the names of the authors' code (arXiv:2502.16249), of
Hugging Face's GPT-2 and of its BERT. Nothing is dropped.
"""

import torch
from torch import nn
from torch.nn import functional


def paths(log_decay):
    """Log weights of sources j (columns) for readers i (rows): the log decays on the way,
    the source's own among them and the reader's not. [..., length] to [..., length, length]"""
    through = log_decay.cumsum(-1)
    before = through - log_decay
    later = before.unsqueeze(-1) - before.unsqueeze(-2)
    earlier = through.unsqueeze(-2) - through.unsqueeze(-1)
    length = log_decay.shape[-1]
    is_later = torch.ones(length, length, dtype=torch.bool).tril()
    return torch.where(is_later, later, earlier)


def elu_plus_one(x):
    return functional.elu(x) + 1


def shifted_silu(x):
    shifted = functional.silu(x) + 0.5
    return shifted / shifted.norm(dim=-1, keepdim=True)


def rotated(x):
    """Rotary positions (arXiv:2104.09864): channels n and n + d/2 are a pair, which turns by
    10000^(-2n/d) at each token."""
    length, channels = x.shape[-2:]
    pace = 10000.0 ** (-torch.arange(0, channels, 2) / channels)
    angle = torch.arange(length).unsqueeze(1) * pace
    first, second = x.chunk(2, dim=-1)
    sin, cos = angle.sin(), angle.cos()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def alibi(heads, length):
    """What ALiBi (arXiv:2108.12409) takes off the scores: distances times each head's slope."""
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
    places = torch.arange(length)
    return -slopes.view(-1, 1, 1) * (places.unsqueeze(1) - places).abs()


class Mixing:
    """What tokens read of each other.

    q, k, v: [batch, length, dim]. logits: of the decays, [heads] for LION-D, which keeps
    sigmoid(logit), and [batch, length, heads] for LION-S, which keeps 1 - sigmoid(logit).
    tokens: [batch, length], 0 where there is padding.
    """

    def __init__(self, variant, heads, causal=False, features=True, position="none"):
        self.variant, self.heads, self.causal = variant, heads, causal
        self.features, self.position = features, position

    def __call__(self, q, k, v, logits=None, tokens=None):
        batch, length, dim = q.shape
        q, k, v = (x.view(batch, length, self.heads, -1).transpose(1, 2) for x in (q, k, v))
        read = torch.ones(length, length, dtype=torch.bool)
        if self.causal:
            read = read.tril()
        if tokens is not None:
            read = read & (tokens != 0).view(batch, 1, 1, length)
        y = self.softmax(q, k, read) @ v if self.variant == "softmax" else self.lion(q, k, v, logits, read)
        return y.transpose(1, 2).reshape(batch, length, dim)

    def softmax(self, q, k, read):
        if self.position == "rotary":
            q, k = rotated(q), rotated(k)
        scores = q @ k.mT / q.shape[-1] ** 0.5
        if self.position == "alibi":
            scores = scores + alibi(self.heads, q.shape[-2])
        return scores.masked_fill(~read, -torch.inf).softmax(-1)

    def lion(self, q, k, v, logits, read):
        if self.features:
            feature_map = elu_plus_one if self.variant == "lit" else shifted_silu
            q, k = feature_map(q), feature_map(k)
        weights = q @ k.mT / q.shape[-1] ** 0.5
        if self.variant == "d":
            log_decay = functional.logsigmoid(logits).unsqueeze(1).expand(-1, q.shape[-2])
            weights = weights * paths(log_decay).exp()
        if self.variant == "s":
            weights = weights * paths(functional.logsigmoid(-logits.mT)).exp()
        weights = weights * read
        y = weights @ v
        # The feature maps come with the division by the row sum, here as in the authors' code.
        return y / (weights.sum(-1, keepdim=True) + 1e-6) if self.features else y


class Conv1D(nn.Module):
    """GPT-2's linear map, whose weight is [inputs, outputs]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """With one map for queries, keys and values, as in ViT and GPT-2."""

    def __init__(self, linear, names, dim, mixing):
        super().__init__()
        self.mixing, (self.into, self.out) = mixing, names
        self.add_module(self.into, linear(dim, 3 * dim))
        self.add_module(self.out, linear(dim, dim))
        if mixing.variant == "d":
            self.a_i = nn.Parameter(torch.empty(mixing.heads))
        if mixing.variant == "s":
            self.a_i = linear(dim, mixing.heads)

    def forward(self, x, tokens=None):
        q, k, v = self.get_submodule(self.into)(x).chunk(3, dim=-1)
        logits = self.a_i(x) if self.mixing.variant == "s" else getattr(self, "a_i", None)
        return self.get_submodule(self.out)(self.mixing(q, k, v, logits, tokens))


class EncoderBlock(nn.Module):
    def __init__(self, dim, mixing):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(nn.Linear, ("qkv", "proj"), dim, mixing)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x), tokens)
        return x + self.mlp.fc2(functional.gelu(self.mlp.fc1(self.norm2(x))))


class Encoder(nn.Module):
    """Logits of classes, from the mean of the tokens."""

    def __init__(self, vocabulary, dim, depth, heads, max_length, classes, variant, position="none"):
        super().__init__()
        mixing = Mixing(variant, heads, position=position)
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, dim)})
        if max_length:
            self.embeddings["position_embeddings"] = nn.Embedding(max_length, dim)
        self.blocks = nn.ModuleList(EncoderBlock(dim, mixing) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(self, ids, tokens):
        x = self.embeddings.word_embeddings(ids)
        if "position_embeddings" in self.embeddings:
            x = x + self.embeddings.position_embeddings.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, tokens)
        kept = tokens.unsqueeze(2)
        return self.head((self.norm(x) * kept).sum(1) / kept.sum(1))


class GptBlock(nn.Module):
    def __init__(self, dim, mixing):
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim, eps=1e-5)
        self.attn = Attention(Conv1D, ("c_attn", "c_proj"), dim, mixing)
        self.ln_2 = nn.LayerNorm(dim, eps=1e-5)
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(dim, 4 * dim), "c_proj": Conv1D(4 * dim, dim)})

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp.c_proj(functional.gelu(self.mlp.c_fc(self.ln_2(x))))


class Gpt(nn.Module):
    """Logits of each next token, by the table of words that the model begins with."""

    def __init__(self, vocabulary, dim, depth, heads, max_length, variant, position="none"):
        super().__init__()
        mixing = Mixing(variant, heads, causal=True, position=position)
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, dim),
            "h": nn.ModuleList(GptBlock(dim, mixing) for _ in range(depth)),
            "ln_f": nn.LayerNorm(dim, eps=1e-5),
        })
        if max_length:
            self.transformer["wpe"] = nn.Embedding(max_length, dim)
        self.lm_head = nn.Linear(dim, vocabulary, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, ids):
        x = self.transformer.wte(ids)
        if "wpe" in self.transformer:
            x = x + self.transformer.wpe.weight[: ids.shape[1]]
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


class BertSelfAttention(nn.Module):
    def __init__(self, dim, mixing):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.mixing = mixing
        if mixing.variant == "d":
            self.ai = nn.Parameter(torch.empty(mixing.heads))
        if mixing.variant == "s":
            self.Wa_i = nn.Linear(dim, mixing.heads)
        if mixing.variant == "lit":
            self.layer_norm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, x, tokens):
        logits = self.Wa_i(x) if self.mixing.variant == "s" else getattr(self, "ai", None)
        y = self.mixing(self.query(x), self.key(x), self.value(x), logits, tokens)
        return self.layer_norm(y) if self.mixing.variant == "lit" else y


class BertPart(nn.Module):
    """A linear map whose result is added, and the sum normalised."""

    def __init__(self, inputs, dim):
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(inputs, dim), nn.LayerNorm(dim, eps=1e-12)

    def forward(self, y, x):
        return self.LayerNorm(x + self.dense(y))


class BertLayer(nn.Module):
    def __init__(self, dim, mixing):
        super().__init__()
        self.attention = nn.ModuleDict()
        self.attention["self"], self.attention["output"] = BertSelfAttention(dim, mixing), BertPart(dim, dim)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, 4 * dim)})
        self.output = BertPart(4 * dim, dim)

    def forward(self, x, tokens):
        x = self.attention["output"](self.attention["self"](x, tokens), x)
        return self.output(functional.gelu(self.intermediate.dense(x)), x)


class BertPredictions(nn.Module):
    """Logits of each token, by the table of words that the model begins with."""

    def __init__(self, words, dim):
        super().__init__()
        self.transform = nn.ModuleDict({"dense": nn.Linear(dim, dim), "LayerNorm": nn.LayerNorm(dim, eps=1e-12)})
        self.bias = nn.Parameter(torch.empty(len(words)))
        self.decoder = nn.Linear(dim, len(words))
        self.decoder.weight, self.decoder.bias = words, self.bias

    def forward(self, x):
        return self.decoder(self.transform.LayerNorm(functional.gelu(self.transform.dense(x))))


class Bert(nn.Module):
    """Logits of each token. LION has neither feature maps nor normalisers here, as in the
    authors' code, and LION-LIT a layer normalisation in their place."""

    def __init__(self, vocabulary, dim, depth, heads, max_length, variant, position="none"):
        super().__init__()
        mixing = Mixing(variant, heads, features=False, position=position)
        embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, dim)})
        if max_length:
            embeddings["position_embeddings"] = nn.Embedding(max_length, dim)
        embeddings["LayerNorm"] = nn.LayerNorm(dim, eps=1e-12)
        layers = nn.ModuleList(BertLayer(dim, mixing) for _ in range(depth))
        self.bert = nn.ModuleDict({"embeddings": embeddings, "encoder": nn.ModuleDict({"layer": layers})})
        self.cls = nn.ModuleDict({"predictions": BertPredictions(embeddings.word_embeddings.weight, dim)})

    def forward(self, ids, tokens):
        embeddings = self.bert.embeddings
        x = embeddings.word_embeddings(ids)
        if "position_embeddings" in embeddings:
            x = x + embeddings.position_embeddings.weight[: ids.shape[1]]
        x = embeddings.LayerNorm(x)
        for layer in self.bert.encoder.layer:
            x = layer(x, tokens)
        return self.cls.predictions(x)


MODELS = {"encoder": Encoder, "gpt": Gpt, "bert": Bert}
