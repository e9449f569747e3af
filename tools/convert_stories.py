"""Writes a network in the binary form of llama2.c (github.com/karpathy/llama2.c, "legacy" export) as ONNX.

    convert_stories.py IN.bin OUT.onnx

IN.bin: int32 dim, hidden, layers, heads, kv_heads, vocab, positions; then float32, matrices as [out, in]: embedding
[vocab, dim], attention norms [layers, dim], wq [layers, dim, dim], wk and wv [layers, kv_heads * head_dim, dim], wo
[layers, dim, dim], feed-forward norms [layers, dim], w1 [layers, hidden, dim], w2 [layers, dim, hidden], w3 as w1, last
norm [dim], and positions * head_dim numbers that nobody reads. A negative vocab says that an output matrix [vocab, dim]
follows; otherwise it is the embedding.

OUT.onnx, as the common exporters write a decoder with a cache (opset 17, float32):
    input_ids, position_ids                 int64 [batch, tokens], positions below `positions`
    attention_mask                          int64 [batch, past + tokens], 0 where nobody may look
    past_key_values.{layer}.key, .value     float32 [batch, kv_heads, past, head_dim]; past may be 0
    logits                                  float32 [batch, tokens, vocab]
    present.{layer}.key, .value             float32 [batch, kv_heads, past + tokens, head_dim]
A token sees itself and those before it, in the cache and among the new ones. llama2.c rotates pairs of neighbouring
elements, the exporters those half a head apart: the rows of wq and wk are put in that order, which changes no product
of a query and a key.
"""

import pathlib
import struct
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-5  # of RMSNorm
BASE = 10000.0  # of the rotary positions


def read(path):
    """Sizes, and the arrays by name."""
    try:
        raw = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise SystemExit(f"{path}: cannot be read: {error.strerror}")
    names = ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "positions")
    if len(raw) < 28:
        raise SystemExit(f"{path}: is no network of llama2.c (shorter than its header)")
    size = dict(zip(names, struct.unpack("<7i", raw[:28])))
    own_head, size["vocab"] = size["vocab"] < 0, abs(size["vocab"])
    if min(size.values()) < 1 or max(size.values()) > 1 << 24 or size["dim"] % size["heads"] \
            or size["heads"] % size["kv_heads"] or size["dim"] // size["heads"] % 2:
        raise SystemExit(f"{path}: is no network of llama2.c (its header says {size})")
    dim, hidden, layers, vocab = (size[n] for n in ("dim", "hidden", "layers", "vocab"))
    head = size["head_dim"] = dim // size["heads"]
    kv = size["kv_heads"] * head
    shapes = {"embedding": (vocab, dim), "attention_norm": (layers, dim), "wq": (layers, dim, dim),
              "wk": (layers, kv, dim), "wv": (layers, kv, dim), "wo": (layers, dim, dim), "ffn_norm": (layers, dim),
              "w1": (layers, hidden, dim), "w2": (layers, dim, hidden), "w3": (layers, hidden, dim), "norm": (dim,),
              "unused": (size["positions"], head)}
    if own_head:
        shapes["output"] = (vocab, dim)
    need = 28 + 4 * sum(int(np.prod(shape, dtype=object)) for shape in shapes.values())
    if need != len(raw):
        raise SystemExit(f"{path}: has {len(raw)} bytes, its header asks for {need}")
    arrays, at = {}, 28
    for name, shape in shapes.items():
        arrays[name] = np.frombuffer(raw, "<f4", int(np.prod(shape)), at).reshape(shape)
        at += arrays[name].nbytes
    arrays.setdefault("output", arrays["embedding"])
    return size, arrays


class Graph:
    """Nodes and constants; a method makes a node and gives the name of its output."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, name, *inputs, **attributes):
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, name, x, weight):
        """x [..., in] by weight [out, in], which is kept as [in, out]."""
        return self.node("MatMul", name, x, self.constant(name + ".weight_t", weight.T))

    def norm(self, name, x, weight):
        """x [..., dim] over the root of its mean square."""
        square = self.node("Pow", name + ".square", x, "two")
        mean = self.node("ReduceMean", name + ".mean", square, axes=[-1], keepdims=1)
        root = self.node("Sqrt", name + ".root", self.node("Add", name + ".shifted", mean, "epsilon"))
        scaled = self.node("Div", name + ".scaled", x, root)
        return self.node("Mul", name, scaled, self.constant(name + ".weight", weight))

    def rotate(self, name, x):
        """x [batch, heads, tokens, head_dim] turned by its positions: x cos + (-second half, first half) sin."""
        second = self.node("Neg", name + ".negated",
                           self.node("Slice", name + ".second", x, "half_head", "whole_head", "last_axis"))
        first = self.node("Slice", name + ".first", x, "zero", "half_head", "last_axis")
        turned = self.node("Concat", name + ".turned", second, first, axis=-1)
        return self.node("Add", name, self.node("Mul", name + ".cos", x, "cos"),
                         self.node("Mul", name + ".sin", turned, "sin"))


def halves(weight, heads):
    """Rows of [heads * head_dim, dim] with the even elements of every head before the odd ones."""
    rows = weight.reshape(heads, -1, 2, weight.shape[1])
    return rows.transpose(0, 2, 1, 3).reshape(weight.shape)


def shared(g, size):
    """What all layers read: small constants, cos and sin [batch, 1, tokens, head_dim], and what is added to the scores
    [batch, 1, tokens, past + tokens]."""
    head, index = size["head_dim"], np.int64
    for name, value in {"zero": [0], "one": [1], "half_head": [head // 2], "whole_head": [head],
                        "last_axis": [-1], "mask_axes": [1, 2], "start": 0, "step": 1}.items():
        g.constant(name, np.array(value, index))
    for name, value in {"two": 2, "epsilon": EPSILON, "score_scale": head ** 0.5, "seen": 0,
                        "unseen": np.finfo(np.float32).min}.items():
        g.constant(name, np.array(value, np.float32))

    angles = np.outer(np.arange(size["positions"]), BASE ** (-np.arange(0, head, 2) / head))
    angles = np.concatenate([angles, angles], 1)
    for name, function in (("cos", np.cos), ("sin", np.sin)):
        table = g.constant(name + "_table", function(angles).astype(np.float32))
        rows = g.node("Gather", name + "_rows", table, "position_ids", axis=0)
        g.node("Unsqueeze", name, rows, "one")

    def extent(name, value):
        shape = g.node("Shape", name + "_shape", value)
        return g.node("Gather", name, shape, g.constant(name + "_axis", np.array(1, index)), axis=0)

    tokens, total = extent("tokens", "input_ids"), extent("total", "attention_mask")
    past = g.node("Sub", "past", total, tokens)
    places = g.node("Unsqueeze", "places", g.node("Range", "place", past, total, "step"), "one")  # [tokens, 1]
    future = g.node("Greater", "future", g.node("Range", "cached_place", "start", total, "step"), places)
    causal = g.node("Where", "causal", future, "unseen", "seen")  # [tokens, past + tokens]
    mask = g.node("Unsqueeze", "mask", "attention_mask", "mask_axes")  # [batch, 1, 1, past + tokens]
    g.node("Where", "bias", g.node("Equal", "masked", mask, "zero"), "unseen", causal)


def attention(g, name, x, layer, size, arrays):
    """x [batch, tokens, dim]; reads and writes the layer's cache."""
    heads, kv_heads, head = size["heads"], size["kv_heads"], size["head_dim"]

    def split(kind, count, weight):
        """[batch, count, tokens, head_dim]"""
        rows = g.linear(f"{name}.{kind}", x, weight)
        parts = g.node("Reshape", f"{name}.{kind}.parts", rows, f"split_{kind}")
        return g.node("Transpose", f"{name}.{kind}.heads", parts, perm=[0, 2, 1, 3])

    def cached(kind, new):
        """The cache with the new ones behind, a key or value for every head."""
        all_of = g.node("Concat", f"present.{layer}.{kind}", f"past_key_values.{layer}.{kind}", new, axis=2)
        if heads == kv_heads:
            return all_of
        apart = g.node("Unsqueeze", f"{name}.{kind}.apart", all_of, "group_axis")
        repeated = g.node("Expand", f"{name}.{kind}.repeated", apart, "group_shape")
        return g.node("Reshape", f"{name}.{kind}.all", repeated, "join_groups")

    q = g.rotate(f"{name}.q.rotated", split("q", heads, halves(arrays["wq"][layer], heads)))
    k = g.rotate(f"{name}.k.rotated", split("k", kv_heads, halves(arrays["wk"][layer], kv_heads)))
    k, v = cached("key", k), cached("value", split("v", kv_heads, arrays["wv"][layer]))
    scores = g.node("MatMul", f"{name}.products", q, g.node("Transpose", f"{name}.k.t", k, perm=[0, 1, 3, 2]))
    scores = g.node("Div", f"{name}.scores", scores, "score_scale")
    shares = g.node("Softmax", f"{name}.shares", g.node("Add", f"{name}.seen", scores, "bias"), axis=-1)
    mixed = g.node("Transpose", f"{name}.mixed.t", g.node("MatMul", f"{name}.mixed", shares, v), perm=[0, 2, 1, 3])
    return g.linear(f"{name}.o", g.node("Reshape", f"{name}.joined", mixed, "join_heads"), arrays["wo"][layer])


def feed_forward(g, name, x, layer, arrays):
    """SwiGLU: (silu(x w1) * (x w3)) w2."""
    gate = g.linear(f"{name}.gate", x, arrays["w1"][layer])
    silu = g.node("Mul", f"{name}.silu", gate, g.node("Sigmoid", f"{name}.sigmoid", gate))
    gated = g.node("Mul", f"{name}.gated", silu, g.linear(f"{name}.up", x, arrays["w3"][layer]))
    return g.linear(f"{name}.down", gated, arrays["w2"][layer])


def convert(size, arrays):
    g = Graph()
    heads, kv_heads, head = size["heads"], size["kv_heads"], size["head_dim"]
    group = heads // kv_heads
    for name, shape in {"split_q": [0, 0, heads, head], "split_k": [0, 0, kv_heads, head],
                        "split_v": [0, 0, kv_heads, head], "join_heads": [0, 0, heads * head], "group_axis": [2],
                        "group_shape": [1, 1, group, 1, 1], "join_groups": [0, heads, -1, head]}.items():
        if group > 1 or "group" not in name:
            g.constant(name, np.array(shape, np.int64))
    shared(g, size)
    x = g.node("Gather", "embedding", g.constant("embedding.weight", arrays["embedding"]), "input_ids", axis=0)
    for layer in range(size["layers"]):
        name = f"layer.{layer}"
        added = attention(g, name, g.norm(f"{name}.attention_norm", x, arrays["attention_norm"][layer]), layer, size,
                          arrays)
        x = g.node("Add", f"{name}.attended", x, added)
        added = feed_forward(g, name, g.norm(f"{name}.ffn_norm", x, arrays["ffn_norm"][layer]), layer, arrays)
        x = g.node("Add", f"{name}.out", x, added)
    x = g.norm("norm", x, arrays["norm"])
    g.node("MatMul", "logits", x, g.constant("output.weight_t", arrays["output"].T))

    def value(name, kind, *shape):
        return helper.make_tensor_value_info(name, kind, shape)

    def cache(stem, length):
        return [value(f"{stem}.{layer}.{kind}", TensorProto.FLOAT, "batch", kv_heads, length, head)
                for layer in range(size["layers"]) for kind in ("key", "value")]

    total = "past + tokens"
    inputs = [value("input_ids", TensorProto.INT64, "batch", "tokens"),
              value("attention_mask", TensorProto.INT64, "batch", total),
              value("position_ids", TensorProto.INT64, "batch", "tokens"), *cache("past_key_values", "past")]
    outputs = [value("logits", TensorProto.FLOAT, "batch", "tokens", size["vocab"]), *cache("present", total)]
    graph = helper.make_graph(g.nodes, "decoder", inputs, outputs, g.constants)
    # the version of the file format that came with opset 17
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="pare")
    onnx.checker.check_model(model, full_check=True)
    return model


def main(words):
    if len(words) != 2:
        raise SystemExit("usage: convert_stories.py IN.bin OUT.onnx")
    onnx.save(convert(*read(words[0])), words[1])


if __name__ == "__main__":
    main(sys.argv[1:])
