"""The runtime on files as tools leave them, against onnxruntime: half precision, bfloat16 weights, weights in a file beside
the network, int8 by onnxruntime's and torch's quantisers.

forms_test.py RUNTIME_TOOL FOLDER     FOLDER keeps the exports of families_test.py
"""
import contextlib
import io
import logging
import pathlib
import sys
import tempfile

import families
import numpy as np
import onnx
import onnxruntime.quantization as ort_quantization
import peers
import torch
from onnx import TensorProto, helper, numpy_helper

logging.disable(logging.WARNING)  # the quantiser advises
TOOLS = {"plain": peers.Tool(sys.argv[1], "-"), "fused": peers.Tool(sys.argv[1], "-", "--fused")}
EXPORTS = pathlib.Path(sys.argv[2])
NETWORKS = {"mnasnet0_5": "script17", "vit": "script17", "bert": "script17", "llama": "dynamo23"}
counts = {"passed": 0, "failed": 0}


def check(label, path, inputs, tolerance=1e-4):
    """tolerance: of the largest output."""
    theirs = peers.reference(path, inputs)
    problems = []
    for form, tool in TOOLS.items():
        try:
            mine = tool.run(path, inputs)
            worst = max(peers.difference(mine[name], theirs[name]) for name in theirs)
            if worst > tolerance:
                problems.append(f"{form}: differs by {worst:.2g}")
        except RuntimeError as error:
            problems.append(f"{form}: {error}")
    counts["failed" if problems else "passed"] += 1
    print(f"FAILED {label}: {'; '.join(problems)}" if problems else f"{label}: agrees", flush=True)


def stored_as(path, element_type):
    """The network with its float weights in a narrower type and a Cast behind each."""
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        if element_type == TensorProto.FLOAT16:
            narrow = values.astype(np.float16)
        else:
            narrow = (values.view(np.uint32) >> 16).astype(np.uint16)
        tensor.CopyFrom(helper.make_tensor(f"{name}_narrow", element_type, values.shape, narrow.tobytes(), raw=True))
        casts.append(helper.make_node("Cast", [f"{name}_narrow"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def half_precision(folder):
    """Whole networks computed in float16: sums differ in their last bits, of ten."""
    for name in ("mnasnet0_5", "bert"):
        torch.manual_seed(0)
        if name == "bert":
            module = families.Logits(families.without_dropout(families.TEXT_ENCODERS[name](), 16).half(),
                                     ["input_ids", "attention_mask"])
            example = {"input_ids": torch.randint(3, 120, (2, 9)), "attention_mask": torch.ones(2, 9, dtype=torch.long)}
        else:
            import torchvision
            module = families.without_dropout(torchvision.models.mnasnet0_5(weights=None, num_classes=5), 17).half()
            example = {"image": torch.randn(2, 3, 64, 64).half()}
        path = folder / f"{name}_half.onnx"
        families.export(module, example.values(), path, 16, False, list(example), ["out"], {})
        check(f"{name} in float16", path, {key: value.numpy() for key, value in example.items()}, tolerance=2e-2)


class Reader(ort_quantization.CalibrationDataReader):
    def __init__(self, inputs):
        self.rest = [inputs]

    def get_next(self):
        return self.rest.pop() if self.rest else None


def quantised_by_onnxruntime(name, path, inputs, folder):
    """int8 files; where a sum falls on the border of two codes the next layer differs by a step, hence the tolerance."""
    kinds = ort_quantization.QuantFormat
    forms = {"QDQ": dict(quant_format=kinds.QDQ, per_channel=True),
             # the other operators' quantised forms are onnxruntime's own, in no standard
             "operators": dict(quant_format=kinds.QOperator, op_types_to_quantize=["Conv", "MatMul"])}
    for form, how in forms.items():
        target = folder / f"{name}_{form}.onnx"
        ort_quantization.quantize_static(str(path), str(target), Reader(inputs), **how)
        check(f"{name} by onnxruntime, static, {form}", target, inputs, tolerance=5e-2)
    target = folder / f"{name}_dynamic.onnx"
    ort_quantization.quantize_dynamic(str(path), str(target), weight_type=ort_quantization.QuantType.QInt8)
    check(f"{name} by onnxruntime, dynamic", target, inputs, tolerance=5e-2)


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.quant, self.dequant = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(),
                                  nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 7 * 7, 5))

    def forward(self, x):
        return self.dequant(self.body(self.quant(x)))


def quantised_by_torch(folder):
    torch.manual_seed(0)
    for engine in ("fbgemm", "qnnpack"):  # weights by output channel; by tensor
        if engine not in torch.backends.quantized.supported_engines:
            print(f"skipped: torch has no {engine} here")
            continue
        torch.backends.quantized.engine = engine
        module, x = Small().eval(), torch.randn(4, 3, 32, 32)
        module.qconfig = torch.ao.quantization.get_default_qconfig(engine)
        prepared = torch.ao.quantization.prepare(module)
        prepared(x)
        converted = torch.ao.quantization.convert(prepared)
        path = folder / f"torch_{engine}.onnx"
        families.export(converted, [x], path, 17, False, ["image"], ["logits"], {})
        check(f"by torch, {engine}", path, {"image": x.numpy()}, tolerance=5e-2)


def main():
    EXPORTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name, kind in NETWORKS.items():
            path, inputs = families.make(name, kind, EXPORTS)
            for label, element_type in (("float16", TensorProto.FLOAT16), ("bfloat16", TensorProto.BFLOAT16)):
                target = folder / f"{name}_{label}.onnx"
                onnx.save(stored_as(path, element_type), target)
                check(f"{name}, weights in {label}", target, inputs)
            target = folder / f"{name}_external.onnx"
            onnx.save(onnx.load(path), target, save_as_external_data=True, location=f"{name}.bin", size_threshold=64)
            check(f"{name}, weights in a file beside it", target, inputs)
            if "attention_mask" in inputs:  # a masked token's -3e38 makes the quantiser write an infinite scale
                inputs = inputs | {"attention_mask": np.ones_like(inputs["attention_mask"])}
            if name != "llama":  # onnxruntime's quantiser stops at opset 21
                quantised_by_onnxruntime(name, path, inputs, folder)
        half_precision(folder)
        quantised_by_torch(folder)
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
