"""Models of the library in PyTorch, by the names of their parameters: ViT, BERT and an encoder.

Attention is scaled_dot_product_attention, or LION's in chunks.
"""

import torch
from torch import nn
from torch.nn import functional

from torch_encoder import Block, training_step
from torch_scan import chunk_scan


class ViT(nn.Module):
    def __init__(self, variant, width, heads, depth, classes, image_size, patch_size):
        super().__init__()
        tokens = (image_size // patch_size) ** 2 + 1
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch_size, patch_size)})
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, tokens, width))
        self.blocks = nn.ModuleList(Block(variant, width, heads, True) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def prepare(self, images):
        return [images.permute(0, 3, 1, 2).contiguous()]

    def forward(self, images):
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(images), -1, -1), patches), 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class Encoder(nn.Module):
    def __init__(self, variant, width, heads, depth, classes, input_width):
        super().__init__()
        self.embeddings = nn.Linear(input_width, width)
        self.blocks = nn.ModuleList(Block(variant, width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def prepare(self, values, mask):
        return [values]

    def forward(self, values):
        x = self.embeddings(values)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


def dense_and_norm(inputs, outputs):
    return nn.ModuleDict({"dense": nn.Linear(inputs, outputs), "LayerNorm": nn.LayerNorm(outputs, eps=1e-12)})


class BertLayer(nn.Module):
    def __init__(self, variant, width, heads):
        super().__init__()
        self.variant, self.heads = variant, heads
        own = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        if variant == "lit":
            own["layer_norm"] = nn.LayerNorm(width, eps=1e-12)
        if variant == "d":
            own.register_parameter("ai", nn.Parameter(torch.empty(heads)))
        if variant == "s":
            own["Wa_i"] = nn.Linear(width, heads)
        self.attention = nn.ModuleDict({"self": own, "output": dense_and_norm(width, width)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        self.output = dense_and_norm(4 * width, width)

    def attend(self, x):
        """LION without a feature map and row sums, as the authors' BERT has it."""
        own = self.attention["self"]
        q, k, v = (
            own[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )
        if self.variant == "softmax":
            return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        log_decay = None
        if self.variant == "d":
            log_decay = functional.logsigmoid(own.ai)
        if self.variant == "s":
            log_decay = functional.logsigmoid(-own["Wa_i"](x).transpose(1, 2))
        y = chunk_scan(q, k, v, log_decay, scale=q.shape[-1] ** -0.5, normalize=False).transpose(1, 2).flatten(2)
        return own["layer_norm"](y) if self.variant == "lit" else y

    def forward(self, x):
        y = self.attend(x)
        output = self.attention["output"]
        x = output["LayerNorm"](x + output["dense"](y))
        hidden = functional.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](x + self.output["dense"](hidden))


class Bert(nn.Module):
    def __init__(self, variant, width, heads, depth, classes, vocabulary, positions):
        super().__init__()
        layers = nn.ModuleList(BertLayer(variant, width, heads) for _ in range(depth))
        self.bert = nn.ModuleDict(
            {
                "embeddings": nn.ModuleDict(
                    {
                        "word_embeddings": nn.Embedding(vocabulary, width),
                        "position_embeddings": nn.Embedding(positions, width),
                        "token_type_embeddings": nn.Embedding(2, width),
                        "LayerNorm": nn.LayerNorm(width, eps=1e-12),
                    }
                ),
                "encoder": nn.ModuleDict({"layer": layers}),
                "pooler": nn.ModuleDict({"dense": nn.Linear(width, width)}),
            }
        )
        self.classifier = nn.Linear(width, classes)

    def prepare(self, ids, mask, types):
        return [ids.long(), types.long()]

    def forward(self, ids, types):
        embeddings = self.bert["embeddings"]
        positions = embeddings["position_embeddings"].weight[: ids.shape[1]]
        x = embeddings["word_embeddings"](ids) + positions + embeddings["token_type_embeddings"](types)
        x = embeddings["LayerNorm"](x)
        for layer in self.bert["encoder"]["layer"]:
            x = layer(x)
        return self.classifier(torch.tanh(self.bert["pooler"]["dense"](x[:, 0])))


KINDS = {"vit": ViT, "encoder": Encoder, "bert": Bert}

def model_work(options, tensors):
    """Inference or training; tensors are `inputs 0` and so on, `labels`, and weights."""
    inputs = [tensors.pop(name) for name in sorted(name for name in tensors if name.startswith("inputs "))]
    labels = tensors.pop("labels").long()
    model = KINDS[options["kind"]](**options["sizes"])
    model.load_state_dict(tensors)
    given = model.prepare(*inputs)
    if options["work"] == "training":
        return training_step(model.train(), given, labels, options["learning_rate"], options["adam_epsilon"])
    model.eval()

    def infer():
        with torch.inference_mode():
            return [model(*given)]

    return infer
