"""The networks of the speed tables: an ONNX file, the torch module it was exported from, and inputs."""
import os
import pathlib

import numpy as np
import torch

NAMES = ["resnet50", "mobilenet_v2", "bert_base", "minilm", "resnet20", "resnet32", "resnet56"]


class Network:
    def __init__(self, name, path, module, inputs):
        self.name, self.path, self.module, self.inputs = name, path, module.eval(), inputs


class Encoder(torch.nn.Module):
    """BERT (Devlin et al. 2018), post-norm, exact GELU, attention through torch's own fused function."""

    def __init__(self, vocabulary=30522, hidden=768, layers=12, heads=12, inner=3072, positions=512, epsilon=1e-12):
        super().__init__()
        nn = torch.nn
        self.heads = heads
        self.words = nn.Embedding(vocabulary, hidden)
        self.positions = nn.Embedding(positions, hidden)
        self.norm = nn.LayerNorm(hidden, epsilon)
        self.layers = nn.ModuleList(
            nn.ModuleDict(dict(q=nn.Linear(hidden, hidden), k=nn.Linear(hidden, hidden), v=nn.Linear(hidden, hidden),
                               o=nn.Linear(hidden, hidden), n1=nn.LayerNorm(hidden, epsilon),
                               up=nn.Linear(hidden, inner), down=nn.Linear(inner, hidden),
                               n2=nn.LayerNorm(hidden, epsilon)))
            for _ in range(layers))
        self.pool = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, 2)

    def forward(self, input_ids, attention_mask):
        functional = torch.nn.functional
        batch, tokens = input_ids.shape
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -10000.0
        x = self.norm(self.words(input_ids) + self.positions(torch.arange(tokens, device=input_ids.device)))
        for layer in self.layers:
            q, k, v = (layer[n](x).view(batch, tokens, self.heads, -1).transpose(1, 2) for n in "qkv")
            a = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            x = layer["n1"](x + layer["o"](a.transpose(1, 2).reshape(batch, tokens, -1)))
            x = layer["n2"](x + layer["down"](functional.gelu(layer["up"](x))))
        return self.head(torch.tanh(self.pool(x[:, 0])))


class Residual(torch.nn.Module):
    """The CIFAR-10 ResNets of He et al. 2015 (shortcut without parameters), batch-norm folded as in the files."""

    def __init__(self, blocks):
        super().__init__()
        nn = torch.nn
        self.first = nn.Conv2d(3, 16, 3, 1, 1)
        self.blocks = nn.ModuleList()
        width = 16
        for stage, out in enumerate((16, 32, 64)):
            for block in range(blocks):
                stride = 2 if stage and block == 0 else 1
                self.blocks.append(nn.ModuleList([nn.Conv2d(width, out, 3, stride, 1), nn.Conv2d(out, out, 3, 1, 1)]))
                width = out
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        functional = torch.nn.functional
        x = functional.relu(self.first(x))
        for a, b in self.blocks:
            y = b(functional.relu(a(x)))
            if a.stride[0] == 2:
                extra = y.shape[1] // 4
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra, extra))
            x = functional.relu(x + y)
        return self.head(functional.avg_pool2d(x, x.shape[3]).flatten(1))


def images(size, name="image"):
    return lambda batch: {name: np.random.default_rng(0).standard_normal((batch, 3, size, size)).astype(np.float32)}


def sentences(tokens, vocabulary=30522):
    def make(batch):
        ids = np.random.default_rng(0).integers(1000, vocabulary, (batch, tokens))
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    return make


def make(name, folder=None):
    """None where the network needs PARE_ASSETS and that is not set; without a folder nothing is exported."""
    torch.manual_seed(0)
    assets = pathlib.Path(os.environ["PARE_ASSETS"]) if "PARE_ASSETS" in os.environ else None
    path = folder / f"{name}.onnx" if folder else None
    if name in ("resnet50", "mobilenet_v2"):
        import torchvision
        module = getattr(torchvision.models, name)(weights=None).eval()
        if folder:
            torch.onnx.export(module, (torch.randn(1, 3, 224, 224),), str(path), dynamo=False, opset_version=17,
                              input_names=["image"], dynamic_axes={"image": {0: "batch"}})
        return Network(name, path, module, images(224))
    if name == "bert_base":
        module = Encoder().eval()
        if folder:
            ids = torch.ones(2, 128, dtype=torch.long)
            axes = {0: "batch", 1: "tokens"}
            torch.onnx.export(module, (ids, ids), str(path), dynamo=False, opset_version=17,
                              input_names=["input_ids", "attention_mask"],
                              dynamic_axes={"input_ids": axes, "attention_mask": axes})
        return Network(name, path, module, sentences(128))
    if assets is None:
        return None
    if name == "minilm":
        return Network(name, assets / "text/minilm_sst2/model.onnx", Encoder(hidden=384, layers=6, inner=1536), sentences(64))
    blocks = (int(name.removeprefix("resnet")) - 2) // 6
    return Network(name, assets / f"vision/{name}_cifar10.onnx", Residual(blocks), images(32))
