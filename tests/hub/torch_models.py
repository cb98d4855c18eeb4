"""BERT, GPT-2 and ViT of PyTorch's own modules, with Hugging Face's weights.

Reads cases as JSON: a config, the weights by their names, and inputs. Writes the
logits of each.
"""

import json
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
}


class Weights:
    """The weights of a model, by Hugging Face's names."""

    def __init__(self, state):
        self.tensors = {
            name: torch.tensor(entry["values"]).reshape(entry["shape"])
            for name, entry in state.items()
        }

    def __getitem__(self, name):
        return self.tensors[name]

    def linear(self, x, name):
        return F.linear(x, self[f"{name}.weight"], self[f"{name}.bias"])

    def norm(self, x, name, epsilon):
        weight, bias = self[f"{name}.weight"], self[f"{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias, epsilon)


def layer(parameters, heads, activation, epsilon, norm_first):
    """A layer of PyTorch's transformer. `parameters` are of its projections of
    queries, keys and values, of the output, of both parts of the perceptron, and
    of both norms, each a weight [outputs, inputs] and a bias."""
    qkv, out, up, down, norm1, norm2 = parameters
    size, hidden = out[0].shape[0], up[0].shape[0]
    module = nn.TransformerEncoderLayer(
        size,
        heads,
        hidden,
        dropout=0,
        activation=activation,
        layer_norm_eps=epsilon,
        batch_first=True,
        norm_first=norm_first,
    ).train()  # evaluation takes another path, for some activations only
    names = ["self_attn.in_proj_weight", "self_attn.in_proj_bias"]
    for place in ["self_attn.out_proj", "linear1", "linear2", "norm1", "norm2"]:
        names += [f"{place}.weight", f"{place}.bias"]
    values = [*qkv, *out, *up, *down, *norm1, *norm2]
    module.load_state_dict(dict(zip(names, values)))
    return module


def encoder(weights, config, name, parts, norm_first):
    """The layers of BERT or ViT; `parts` are the names within a layer."""
    for i in range(config["num_hidden_layers"]):
        pair = lambda part: (
            weights[f"{name}.{i}.{part}.weight"],
            weights[f"{name}.{i}.{part}.bias"],
        )
        attention, *others = parts
        three = [pair(f"{attention}.{which}") for which in ["query", "key", "value"]]
        qkv = [torch.cat(values) for values in zip(*three)]
        yield layer(
            [qkv, *map(pair, others)],
            config["num_attention_heads"],
            ACTIVATIONS[config["hidden_act"]],
            config["layer_norm_eps"],
            norm_first,
        )


def bert(weights, config, ids, mask, types):
    name = "bert.embeddings"
    x = F.embedding(torch.tensor(ids), weights[f"{name}.word_embeddings.weight"])
    x = x + weights[f"{name}.position_embeddings.weight"][: len(ids)]
    x = x + weights[f"{name}.token_type_embeddings.weight"][torch.tensor(types)]
    epsilon = config["layer_norm_eps"]
    x = weights.norm(x, f"{name}.LayerNorm", epsilon)[None]
    padding = torch.tensor(mask)[None] == 0
    parts = [
        "attention.self",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
        "attention.output.LayerNorm",
        "output.LayerNorm",
    ]
    for block in encoder(weights, config, "bert.encoder.layer", parts, False):
        x = block(x, src_key_padding_mask=padding)
    if config["architectures"] == ["BertForSequenceClassification"]:
        pooled = torch.tanh(weights.linear(x[0, 0], "bert.pooler.dense"))
        return weights.linear(pooled, "classifier")
    x = weights.linear(x[0], "cls.predictions.transform.dense")
    x = ACTIVATIONS[config["hidden_act"]](x)
    x = weights.norm(x, "cls.predictions.transform.LayerNorm", epsilon)
    table = weights[f"{name}.word_embeddings.weight"]
    return F.linear(x, table, weights["cls.predictions.bias"])


def gpt2(weights, config, ids):
    table = weights["transformer.wte.weight"]
    x = (table[torch.tensor(ids)] + weights["transformer.wpe.weight"][: len(ids)])[None]
    causal = nn.Transformer.generate_square_subsequent_mask(len(ids))
    epsilon = config["layer_norm_epsilon"]
    for i in range(config["n_layer"]):
        block = f"transformer.h.{i}"
        norm = lambda part: (
            weights[f"{block}.{part}.weight"],
            weights[f"{block}.{part}.bias"],
        )
        # GPT-2 has its maps the other way round.
        turned = lambda part: (
            weights[f"{block}.{part}.weight"].T,
            weights[f"{block}.{part}.bias"],
        )
        maps = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
        parameters = [*map(turned, maps), norm("ln_1"), norm("ln_2")]
        activation = ACTIVATIONS[config["activation_function"]]
        x = layer(parameters, config["n_head"], activation, epsilon, True)(x, causal)
    return F.linear(weights.norm(x[0], "transformer.ln_f", epsilon), table)


def vit(weights, config, image):
    name = "vit.embeddings"
    patches = f"{name}.patch_embeddings.projection"
    pixels = torch.tensor(image).permute(2, 0, 1)[None]
    kernel, bias = weights[f"{patches}.weight"], weights[f"{patches}.bias"]
    x = F.conv2d(pixels, kernel, bias, stride=config["patch_size"])
    x = torch.cat([weights[f"{name}.cls_token"], x.flatten(2).transpose(1, 2)], 1)
    x = x + weights[f"{name}.position_embeddings"]
    parts = [
        "attention.attention",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
        "layernorm_before",
        "layernorm_after",
    ]
    for block in encoder(weights, config, "vit.encoder.layer", parts, True):
        x = block(x)
    first = weights.norm(x[:, 0], "vit.layernorm", config["layer_norm_eps"])
    return weights.linear(first, "classifier")


MODELS = {"bert": bert, "gpt2": gpt2, "vit": vit}

answers = []
with torch.no_grad():
    for case in json.load(sys.stdin):
        config = case["config"]
        model = MODELS[config["model_type"]]
        logits = model(Weights(case["state"]), config, **case["inputs"])
        answers.append(logits.flatten().tolist())
json.dump(answers, sys.stdout)
