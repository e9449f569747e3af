"""The runtime, plain and fused, against onnxruntime: single operators, patterns, and the networks of PARE_ASSETS."""

import itertools
import json
import os
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import peers
from onnx import TensorProto, helper, numpy_helper

TOOLS = {"plain": peers.Tool(sys.argv[1], "-"), "fused": peers.Tool(sys.argv[1], "-", "--fused")}
RANDOM = np.random.default_rng(0)
counts = {"passed": 0, "failed": 0}


def check(label, path, inputs, tolerance=1e-4):
    theirs = peers.reference(path, inputs)
    for form, tool in TOOLS.items():
        try:
            mine = tool.run(path, inputs)
            worst = max(peers.difference(mine[name], theirs[name]) for name in theirs)
            problem = f"differs by {worst:.2g}" if worst > tolerance else None
        except RuntimeError as error:
            problem = str(error)
        if problem:
            counts["failed"] += 1
            print(f"FAILED {label} ({form}): {problem}")
            return
    counts["passed"] += 1


def operator(op, inputs, constants=(), opset=17, outputs=1, label="", **attributes):
    """One node; inputs are arrays fed at run time, constants are initialisers that follow them."""
    names = [f"x{i}" for i in range(len(inputs))] + [f"c{i}" if c is not None else "" for i, c in enumerate(constants)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for i, x in enumerate(inputs)],
        [helper.make_empty_tensor_value_info(f"y{i}") for i in range(outputs)],
        [numpy_helper.from_array(c, f"c{i}") for i, c in enumerate(constants) if c is not None],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model.SerializeToString())
        file.flush()
        check(f"{op} {label or attributes}", file.name, {f"x{i}": x for i, x in enumerate(inputs)})


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def windows():
    x = floats(2, 4, 11, 9)
    for pads, strides, dilations, group in itertools.product(
        ([0, 0, 0, 0], [1, 2, 1, 2], [0, 1, 2, 0]), ([1, 1], [2, 3]), ([1, 1], [2, 1]), (1, 2, 4)
    ):
        w = floats(8, 4 // group, 3, 2)
        operator("Conv", [x], [w, floats(8)], pads=pads, strides=strides, dilations=dilations, group=group)
    for auto_pad, strides in itertools.product(("SAME_UPPER", "SAME_LOWER", "VALID"), ([1, 1], [2, 2])):
        operator("Conv", [x], [floats(8, 4, 3, 4)], auto_pad=auto_pad, strides=strides)
        operator("MaxPool", [x], auto_pad=auto_pad, strides=strides, kernel_shape=[3, 2])
        operator("AveragePool", [x], auto_pad=auto_pad, strides=strides, kernel_shape=[3, 2])
    operator("Conv", [floats(2, 3, 17)], [floats(5, 3, 4), floats(5)], strides=[2], pads=[1, 2])
    for pads, strides, ceil in itertools.product(
        ([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]), ([1, 1], [2, 2], [3, 2]), (0, 1)
    ):
        operator("MaxPool", [x], kernel_shape=[3, 3], pads=pads, strides=strides, ceil_mode=ceil)
        for include in (0, 1):
            # onnxruntime counts padding under ceil_mode as torch does only from opset 19 on
            operator("AveragePool", [x], kernel_shape=[3, 3], pads=pads, strides=strides, ceil_mode=ceil,
                     count_include_pad=include, opset=19)
    operator("MaxPool", [x], kernel_shape=[2, 2], dilations=[2, 3])
    operator("MaxPool", [floats(2, 3, 12)], kernel_shape=[3], strides=[2], pads=[1, 1])
    operator("GlobalAveragePool", [x])
    operator("GlobalMaxPool", [x])
    operator("BatchNormalization", [x], [floats(4), floats(4), floats(4), np.abs(floats(4)) + 0.5], epsilon=1e-3)
    for size in (1, 3, 5):
        operator("LRN", [floats(2, 7, 5, 5)], size=size, alpha=0.01, beta=0.6, bias=1.5)


def elementwise():
    x, y = floats(3, 4, 5), floats(4, 1)
    for op in ("Add", "Sub", "Mul", "Div"):
        operator(op, [x, y])
        operator(op, [RANDOM.integers(-9, 9, (3, 4)), RANDOM.integers(1, 9, (4,))], label="int64")
    operator("Pow", [np.abs(x), np.array(2.5, np.float32)])
    for op in ("Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Erf", "Softplus", "HardSwish", "Reciprocal"):
        operator(op, [x])
    for op in ("Sqrt", "Log"):
        operator(op, [np.abs(x) + 0.1])
    operator("Clip", [x], [np.array(-0.5, np.float32), np.array(0.7, np.float32)])
    operator("Clip", [x], [None, np.array(0.7, np.float32)], label="no minimum")
    operator("Clip", [x], opset=6 + 1, min=0.0, max=6.0)
    operator("LeakyRelu", [x], alpha=0.2)
    operator("Elu", [x], alpha=0.7)
    operator("HardSigmoid", [x], alpha=0.25, beta=0.4)
    operator("HardSigmoid", [x], label="defaults")
    operator("PRelu", [x], [floats(4, 1)])
    for op in ("Max", "Min"):
        operator(op, [x, y, floats(5)])
    for op in ("Equal", "Greater", "Less"):
        operator(op, [np.round(x), np.round(y)])
    operator("Where", [x > 0, x, y])
    for axis in (-1, 1):
        operator("Softmax", [x], axis=axis)
        operator("LogSoftmax", [x], axis=axis)
    for ta, tb, bias in itertools.product((0, 1), (0, 1), (0, 1)):
        a, b = floats(*((5, 3) if ta else (3, 5))), floats(*((7, 5) if tb else (5, 7)))
        operator("Gemm", [a], [b] + ([floats(7)] if bias else []), transA=ta, transB=tb, alpha=0.5, beta=2.0)
    operator("MatMul", [floats(2, 3, 4)], [floats(4, 6)])
    operator("MatMul", [floats(2, 3, 4), floats(2, 4, 5)])
    for op in ("ReduceMean", "ReduceMax", "ReduceMin"):
        operator(op, [x], axes=[0, 2], keepdims=0)
        operator(op, [x], keepdims=1)
    operator("ReduceSum", [x], [ints(1)], keepdims=1)
    operator("ReduceMean", [x], [ints(0, -1)], opset=18, keepdims=1)


def shapes():
    x = floats(2, 3, 4, 5)
    operator("Reshape", [x], [ints(0, -1, 5)])
    operator("Flatten", [x], axis=2)
    operator("Flatten", [x], axis=-1)
    operator("Transpose", [x], perm=[2, 0, 3, 1])
    operator("Transpose", [x])
    operator("Concat", [x, floats(2, 7, 4, 5)], axis=1)
    operator("Concat", [x, x], axis=-2)
    operator("Slice", [x], [ints(1, -3), ints(3, 10**9), ints(1, -1), ints(1, 2)])
    operator("Slice", [x], [ints(-1), ints(-(10**9)), ints(2), ints(-2)], label="backwards")
    operator("Slice", [x], opset=9, starts=[0, 1], ends=[2, 3], axes=[2, 3])
    for mode in ("constant", "reflect", "edge"):
        operator("Pad", [x], [ints(0, 0, 1, 2, 0, 0, 2, 1)], mode=mode)
    operator("Pad", [x], [ints(0, 0, 1, 2, 0, 0, 2, 5)], opset=19, mode="wrap")
    operator("Pad", [x], [ints(0, 0, 1, 2, 0, 0, 2, -1)], opset=19, mode="wrap", label="cropping")
    operator("Pad", [x], [ints(0, 1, -1, 0, 0, 0, 1, 0), np.array(2.5, np.float32)], label="value, cropping")
    operator("Split", [x], [ints(1, 2)], outputs=2, axis=1)
    operator("Split", [x], outputs=2, axis=2, opset=13)
    operator("Squeeze", [floats(1, 3, 1, 2)], [ints(0, -2)])
    operator("Unsqueeze", [x], [ints(0, -1)])
    operator("Gather", [x, RANDOM.integers(-4, 4, (2, 3))], axis=2)
    operator("Expand", [floats(3, 1)], [ints(2, 1, 4)])
    operator("Shape", [x])
    operator("Shape", [x], start=1, end=-1)
    operator("Cast", [x * 10], to=TensorProto.INT64)
    operator("ConstantOfShape", [ints(2, 3)], value=helper.make_tensor("v", TensorProto.INT64, [1], [7]))
    operator("Range", [np.array(2, np.int64), np.array(11, np.int64), np.array(3, np.int64)])


def graph(label, nodes, inputs, constants, opset=17):
    """Several nodes: (op, inputs, output, attributes); the last one's output is the network's."""
    made = [helper.make_node(op, ins, [out], **attributes) for op, ins, out, attributes in nodes]
    g = helper.make_graph(
        made, "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in inputs.items()],
        [helper.make_empty_tensor_value_info(nodes[-1][2])],
        [numpy_helper.from_array(c, n) for n, c in constants.items()])
    model = helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model.SerializeToString())
        file.flush()
        check(label, file.name, inputs)


def scalar(x):
    return np.array(x, np.float32)


def patterns():
    """What is fused, and what looks like it and is not."""
    x, s, b = floats(2, 5, 8), floats(8), floats(8)
    for root, half, erf_scale in itertools.product((0, 1), (0, 1, 2), (0.70710678, 0.8)):
        nodes = [("Div", ["x", "root"], "r", {}) if root else ("Mul", ["x", "inverse"], "r", {}),
                 ("Erf", ["r"], "e", {}), ("Add", ["e", "one"], "g", {})]
        nodes += {0: [("Mul", ["x", "g"], "p", {}), ("Mul", ["p", "half"], "y", {})],
                  1: [("Mul", ["x", "half"], "h", {}), ("Mul", ["h", "g"], "y", {})],
                  2: [("Mul", ["half", "g"], "h", {}), ("Mul", ["h", "x"], "y", {})]}[half]
        graph(f"gelu {root} {half} {erf_scale}", nodes, {"x": x},
              {"root": scalar(1 / erf_scale), "inverse": scalar(erf_scale), "one": scalar(1), "half": scalar(0.5)})
    for factor in (0.044715, 0.05):
        graph(f"gelu tanh {factor}", [
            ("Pow", ["x", "three"], "c", {}), ("Mul", ["c", "k"], "kc", {}), ("Add", ["x", "kc"], "i", {}),
            ("Mul", ["i", "root"], "r", {}), ("Tanh", ["r"], "t", {}), ("Add", ["t", "one"], "g", {}),
            ("Mul", ["x", "half"], "h", {}), ("Mul", ["h", "g"], "y", {})], {"x": x},
              {"three": scalar(3), "k": scalar(factor), "root": scalar(0.7978845608), "one": scalar(1), "half": scalar(0.5)})
    graph("silu", [("Sigmoid", ["x"], "g", {}), ("Mul", ["x", "g"], "y", {})], {"x": x}, {})
    for alpha in (1 / 6, 0.2):
        graph(f"hard swish {alpha}", [("HardSigmoid", ["x"], "g", {"alpha": alpha}), ("Mul", ["g", "x"], "y", {})], {"x": x}, {})
    for square, axis in itertools.product(("Pow", "Mul"), (-1, 1)):
        sizes = {-1: (s, b), 1: (floats(8), floats(8))}[axis]
        graph(f"layer normalisation {square} {axis}", [
            ("ReduceMean", ["x"], "m", {"axes": [axis]}), ("Sub", ["x", "m"], "d", {}),
            ("Pow", ["d", "two"], "q", {}) if square == "Pow" else ("Mul", ["d", "d"], "q", {}),
            ("ReduceMean", ["q"], "v", {"axes": [axis]}), ("Add", ["v", "eps"], "ve", {}), ("Sqrt", ["ve"], "r", {}),
            ("Div", ["d", "r"], "n", {}), ("Mul", ["n", "s"], "ns", {}), ("Add", ["ns", "b"], "y", {})], {"x": x},
              {"two": scalar(2), "eps": scalar(1e-5), "s": sizes[0], "b": sizes[1]})
    for inverse in ("Div", "Reciprocal"):
        graph(f"RMS normalisation {inverse}", [
            ("Pow", ["x", "two"], "q", {}), ("ReduceMean", ["q"], "v", {"axes": [-1]}), ("Add", ["v", "eps"], "ve", {}),
            ("Sqrt", ["ve"], "r", {}), ("Div", ["one", "r"], "i", {}) if inverse == "Div" else ("Reciprocal", ["r"], "i", {}),
            ("Mul", ["x", "i"], "n", {}), ("Mul", ["s", "n"], "y", {})], {"x": x},
              {"two": scalar(2), "eps": scalar(1e-5), "one": scalar(1), "s": s})
    graph("product and bias", [("MatMul", ["x", "w"], "p", {}), ("Add", ["b", "p"], "y", {})], {"x": x},
          {"w": floats(8, 3), "b": floats(3)})
    graph("product read twice", [("MatMul", ["x", "w"], "p", {}), ("Add", ["b", "p"], "a", {}), ("Mul", ["a", "p"], "y", {})],
          {"x": x}, {"w": floats(8, 3), "b": floats(3)})
    q, k, v = floats(2, 3, 4, 8), floats(2, 3, 8, 5), floats(2, 3, 5, 6)
    for scale, mask in itertools.product((None, "Mul", "Div"), (None, floats(2, 1, 4, 5), floats(4, 5), floats(2, 3, 4, 5))):
        nodes, last = [("MatMul", ["q", "k"], "s", {})], "s"
        if scale:
            nodes.append((scale, [last, "c"], "sc", {}))
            last = "sc"
        if mask is not None:
            nodes.append(("Add", [last, "mask"], "sm", {}))
            last = "sm"
        nodes += [("Softmax", [last], "p", {"axis": -1}), ("MatMul", ["p", "v"], "y", {})]
        inputs = {"q": q, "k": k, "v": v} | ({} if mask is None else {"mask": mask})
        graph(f"attention {scale} {None if mask is None else mask.shape}", nodes, inputs, {"c": scalar(0.4)})
    image, w = floats(2, 3, 9, 9), floats(4, 3, 3, 3)
    statistics = {n: np.abs(floats(4)) + 0.3 for n in ("g", "o", "m", "v")}
    for bias in (0, 1):
        graph(f"batch normalisation behind a convolution, bias {bias}", [
            ("Conv", ["x", "w", "cb"] if bias else ["x", "w"], "c", {}),
            ("BatchNormalization", ["c", "g", "o", "m", "v"], "n", {"epsilon": 1e-3}), ("Relu", ["n"], "y", {})],
              {"x": image}, {"w": w, "cb": floats(4), **statistics})
    graph("convolution read twice", [
        ("Conv", ["x", "w"], "c", {}), ("BatchNormalization", ["c", "g", "o", "m", "v"], "n", {}), ("Add", ["n", "c"], "y", {})],
          {"x": image}, {"w": w, **statistics})


def networks():
    assets = os.environ.get("PARE_ASSETS")
    if not assets:
        print("skipped: the trained networks (PARE_ASSETS is not set)")
        return
    data = np.load(f"{assets}/vision/cifar10_jpeg_test.npz")["x"][:64]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    real = ((data / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    for name in ("resnet20", "resnet32", "resnet56"):
        path = f"{assets}/vision/{name}_cifar10.onnx"
        check(f"{name} on images", path, {"image": real})
        check(f"{name} on noise", path, {"image": floats(5, 3, 32, 32)})
    golden_logits(pathlib.Path(assets) / "text/minilm_sst2")


def golden_logits(folder):
    """The trained encoder on 32 sentences, against logits that were written down beside it."""
    for form, tool in TOOLS.items():
        worst = 0.0
        for sentence in json.loads((folder / "expected.json").read_text())["golden"]:
            ids = np.array([sentence["input_ids"]])
            out = tool.run(folder / "model.onnx", {"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
            worst = max(worst, peers.difference(out, np.array([sentence["logits"]])))
        good = worst <= 1e-4
        counts["passed" if good else "failed"] += 1
        print(f"{'' if good else 'FAILED '}golden logits ({form}): differ by at most {worst:.1g}")


windows()
elementwise()
shapes()
patterns()
networks()
print(f"{counts['passed']} passed, {counts['failed']} failed")
sys.exit(counts["failed"] > 0)
