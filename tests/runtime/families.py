"""Small random-weight networks of the families people use, exported by torch as ONNX: two layers, narrow."""
import contextlib
import io
import pathlib
import warnings

import torch
import transformers

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()

SMALL = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96)
TEXT = dict(SMALL, vocab_size=120, max_position_embeddings=64)
IMAGE = dict(SMALL, image_size=32, patch_size=8)


def classifier(config):
    config.num_labels = 5
    return transformers.AutoModelForSequenceClassification.from_config(config)


def image_classifier(config):
    config.num_labels = 5
    return transformers.AutoModelForImageClassification.from_config(config)


def decoder(config):
    return transformers.AutoModelForCausalLM.from_config(config)


TEXT_ENCODERS = {
    "bert": lambda: classifier(transformers.BertConfig(**TEXT)),
    "minilm": lambda: transformers.AutoModel.from_config(transformers.BertConfig(**dict(TEXT, num_attention_heads=2))),
    "distilbert": lambda: classifier(transformers.DistilBertConfig(
        vocab_size=120, dim=64, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=64)),
    "roberta": lambda: classifier(transformers.RobertaConfig(**TEXT)),
}
IMAGE_ENCODERS = {
    "vit": lambda: image_classifier(transformers.ViTConfig(**IMAGE)),
    "deit": lambda: transformers.DeiTForImageClassification(transformers.DeiTConfig(**IMAGE, num_labels=5)),
}
DECODERS = {
    "gpt2": lambda: decoder(transformers.GPT2Config(vocab_size=120, n_embd=64, n_layer=2, n_head=4, n_positions=64)),
    "opt": lambda: decoder(transformers.OPTConfig(
        vocab_size=120, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, ffn_dim=96,
        max_position_embeddings=64, word_embed_proj_dim=64)),
    "llama": lambda: decoder(transformers.LlamaConfig(**TEXT, num_key_value_heads=2)),
}
VISION = ["mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny"]


def without_dropout(model, opset):
    if opset < 14 and hasattr(model, "set_attn_implementation"):
        model.set_attn_implementation("eager")  # exporters know torch's fused attention from 14 on
    for parameter in model.parameters():  # exporters keep one copy of equal constants, and zeros hide mistakes
        parameter.data += 0.02 * torch.randn_like(parameter)
    return model.eval()


class Logits(torch.nn.Module):
    """The first answer of a transformers model, from positional inputs."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        return self.model(**dict(zip(self.names, inputs)), return_dict=True)[0]


class WithPast(torch.nn.Module):
    """A decoder with the keys and values of earlier tokens as inputs and outputs."""

    def __init__(self, model, layers):
        super().__init__()
        self.model, self.layers = model, layers

    def forward(self, input_ids, attention_mask, *past):
        cache = transformers.DynamicCache()
        for i in range(self.layers):
            cache.update(past[2 * i], past[2 * i + 1], i)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        present = []
        for layer in out.past_key_values.layers:
            present += [layer.keys, layer.values]
        return (out.logits, *present)


def export(model, inputs, path, opset, dynamo, input_names, output_names, axes):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
        if dynamo:
            shapes = tuple({d: torch.export.Dim.DYNAMIC for d in axes.get(name, {})} for name in input_names)
            variadic = len(input_names) > 2 and input_names[2].startswith("past")
            if variadic:
                shapes = (*shapes[:2], shapes[2:])
            elif isinstance(model, Logits):
                shapes = (shapes,)
            torch.onnx.export(model, tuple(inputs), str(path), dynamo=True, opset_version=opset, external_data=False,
                              input_names=input_names, output_names=output_names, dynamic_shapes=shapes, verbose=False)
        else:
            torch.onnx.export(model, tuple(inputs), str(path), dynamo=False, opset_version=opset,
                              input_names=input_names, output_names=output_names, dynamic_axes=axes)


def make(name, kind, folder):
    """Writes folder/name_kind.onnx (kind: "script13", "dynamo18", "past_script17", ...); gives path and example inputs."""
    torch.manual_seed(0)
    path = pathlib.Path(folder) / f"{name}_{kind}.onnx"
    opset, dynamo = int(kind[-2:]), "dynamo" in kind
    text = {0: "batch", 1: "tokens"}
    if name in VISION:
        import torchvision
        model = without_dropout(getattr(torchvision.models, name)(weights=None, num_classes=5), opset)
        example = {"image": torch.randn(2, 3, 64, 64)}
        axes = {"image": {0: "batch"}}
    elif name in IMAGE_ENCODERS:
        model = Logits(without_dropout(IMAGE_ENCODERS[name](), opset), ["pixel_values"])
        example = {"image": torch.randn(2, 3, 32, 32)}
        axes = {"image": {0: "batch"}}
    elif name in TEXT_ENCODERS:
        model = Logits(without_dropout(TEXT_ENCODERS[name](), opset), ["input_ids", "attention_mask"])
        mask = torch.ones(2, 9, dtype=torch.long)
        mask[1, 6:] = 0
        example = {"input_ids": torch.randint(3, 120, (2, 9)), "attention_mask": mask}
        axes = {"input_ids": text, "attention_mask": text}
    elif kind.startswith("past"):
        inner = without_dropout(DECODERS[name](), opset)
        layers = 2
        heads = 2 if name == "llama" else 4
        model = WithPast(inner, layers)
        example = {"input_ids": torch.randint(3, 120, (2, 3)), "attention_mask": torch.ones(2, 7, dtype=torch.long)}
        axes = {"input_ids": text, "attention_mask": {0: "batch", 1: "past+tokens"}}
        for i in range(layers):
            for part in ("key", "value"):
                example[f"past_key_values.{i}.{part}"] = torch.randn(2, heads, 4, 16)
                axes[f"past_key_values.{i}.{part}"] = {0: "batch", 2: "past"}
    else:
        model = Logits(without_dropout(DECODERS[name](), opset), ["input_ids", "attention_mask"])
        example = {"input_ids": torch.randint(3, 120, (2, 9)), "attention_mask": torch.ones(2, 9, dtype=torch.long)}
        axes = {"input_ids": text, "attention_mask": text}
    if not path.exists():
        part = path.with_suffix(".part")
        outputs = ["logits"] + [n.replace("past_key_values", "present") for n in example if n.startswith("past")]
        export(model, example.values(), part, opset, dynamo, list(example), outputs, axes)
        part.rename(path)
    return path, {key: value.numpy() for key, value in example.items()}
