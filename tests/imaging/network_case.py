"""Networks of convolutions, activations and pooling: as ONNX files, as recipes, and what their pipelines compute, in exact integers and
fractions that share nothing with pare."""
import fractions
import json
import math
import struct

import numpy
import onnx

Fraction = fractions.Fraction


def content_hash(data):
    """64-bit FNV-1a over words of 8 bytes, as pare ties files together."""
    value = 0xCBF29CE484222325

    def mix(word):
        nonlocal value
        value = (value ^ word) * 0x100000001B3 % 2**64
        value ^= value >> 29

    whole = len(data) // 8 * 8
    for (word,) in struct.iter_unpack("<Q", data[:whole]):
        mix(word)
    mix(int.from_bytes(data[whole:], "little"))
    mix(len(data))
    return f"{value:016x}"


def code_values(name):
    """The values of a format's codes (docs/formats.md)."""
    signed = not name.startswith("u")
    family = name.lstrip("u").rstrip("0123456789_em")
    bits = int(name.lstrip("u")[len(family)])
    k = bits - signed

    def magnitude(code):
        if family == "int":
            return Fraction(code)
        if family == "pot":
            return Fraction(2 ** (code - 1)) if code else Fraction(0)
        if family == "flint":
            top, rest = code >> (k - 1), code & (2 ** (k - 1) - 1)
            if not top:
                return Fraction(rest)
            zeros = k - 1 - rest.bit_length()
            return Fraction(rest * 2 ** (2 * zeros + 1)) if rest else Fraction(2 ** (2 * k - 2))
        m = int(name[name.index("m") + 1:])
        field, f = code >> m, Fraction(code & (2**m - 1), 2**m)
        return (1 + f) * 2 ** (field - 1) if field else f

    magnitudes = [magnitude(c) for c in range(2**k)]
    return magnitudes + [-m for m in magnitudes] if signed else magnitudes


def integer_values(name):
    """The same as integers, and the power of two that they were multiplied by."""
    values, fraction = code_values(name), 0
    while any(v.denominator > 1 for v in values):
        values, fraction = [2 * v for v in values], fraction + 1
    return [int(v) for v in values], fraction


def safetensors(tensors):
    header, data = {}, b""
    for name, array in sorted(tensors.items(), key=lambda t: (-t[1].itemsize, t[0])):
        header[name] = {"dtype": {"f": "F32", "u": "U8"}[array.dtype.kind], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


class Recipe:
    """Formats by value; codes for weights."""

    def __init__(self, ties="away"):
        self.tensors, self.numbers, self.constants, self.added, self.ties = [], {}, [], [], ties

    def add(self, value, kind, form, scales, granularity="tensor", axis=0, group=0, codes=None):
        scales = numpy.asarray(scales, numpy.float32).reshape(-1)
        entry = {"value": value, "kind": kind, "format": form, "granularity": granularity, "axis": axis,
                 "group_size": group, "mse": 0.0, "scales": len(scales)}
        self.tensors.append(entry)
        self.numbers["scales/" + value] = scales
        if codes is not None:
            bits = (len(code_values(form)) - 1).bit_length()
            packed = sum(int(c) << (i * bits) for i, c in enumerate(codes.reshape(-1)))
            self.numbers["codes/" + value] = numpy.frombuffer(
                packed.to_bytes((codes.size * bits + 7) // 8, "little"), numpy.uint8)

    def replace(self, constant, values):
        self.constants.append(constant)
        self.numbers["constants/" + constant] = values.astype(numpy.float32)

    def add_bias(self, node, values):
        self.added.append(node)
        self.numbers["added_biases/" + node] = values.astype(numpy.float32)

    def write(self, folder, model):
        folder.mkdir(exist_ok=True)
        numbers = safetensors(self.numbers)
        (folder / "recipe.safetensors").write_bytes(numbers)
        (folder / "recipe.json").write_text(json.dumps({
            "pare": "0", "schema": 1, "model": {"name": "m", "hash": content_hash(model.read_bytes())}, "method": "test",
            "ties": self.ties, "numbers": {"file": "recipe.safetensors", "hash": content_hash(numbers)},
            "tensors": self.tensors, "constants": self.constants, "added_biases": self.added}))
        return folder


def write_onnx(path, nodes, weights, channels, height, width, outputs=("y",)):
    """nodes: (operator, name, inputs, outputs, attributes); the input is `image`."""
    made = [onnx.helper.make_node(op, inputs, outs, name, **attributes) for op, name, inputs, outs, attributes in nodes]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(made, "m", [value("image", 1, ["N", channels, height, width])],
                                   [value(o, 1, None) for o in outputs],
                                   [onnx.numpy_helper.from_array(numpy.asarray(w, numpy.float32), n) for n, w in weights.items()])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


class Layer:
    """One layer as a test describes it. `spec`: kind, kernel, stride, dilation, pads (top, left, bottom, right), groups."""

    def __init__(self, kind, kernel, stride=1, dilation=1, pads=(0, 0, 0, 0), groups=1, weight=None, bias=None, gain=None,
                 offset=None, slope=None, low=None, high=None, ceil=False, parts=None):
        self.kind, self.kernel, self.stride, self.dilation, self.pads = kind, kernel, stride, dilation, pads
        self.groups, self.weight, self.bias, self.gain, self.offset = groups, weight, bias, gain, offset
        self.slope, self.low, self.high, self.ceil = slope, low, high, ceil
        self.parts = parts  # of a recipe: integers [outputs, ...] and the scale of each, as Fractions

    def windows(self, x, beyond):
        """For each element of the window, [channels, rows, columns] of what all outputs read there; the output has a pixel for every
        `stride` of the input."""
        channels, height, width = x.shape
        rows, columns = height // self.stride, width // self.stride
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                y = numpy.arange(rows) * self.stride - self.pads[0] + i * self.dilation
                c = numpy.arange(columns) * self.stride - self.pads[1] + j * self.dilation
                inside = ((y >= 0) & (y < height))[:, None] & ((c >= 0) & (c < width))[None]
                there = x[:, numpy.clip(y, 0, height - 1)][:, :, numpy.clip(c, 0, width - 1)]
                yield i, j, numpy.where(inside, there, beyond) if beyond is not None else there


def multiplier(factors, offset, bits):
    """Factors and offset over one power of two."""
    largest = max(abs(f) for f in factors)
    shift = 8
    if largest:
        exponent = math.frexp(float(largest))[1] - 1
        shift = min(max(bits - 1 - exponent, 0), 40)
    half_away = lambda v: int(math.floor(abs(v) + Fraction(1, 2))) * (1 if v >= 0 else -1)
    return [Fraction(half_away(f * 2**shift), 2**shift) for f in factors], Fraction(half_away(offset * 2**shift), 2**shift)


def weight_integers(weight, bits):
    """Each output's weights to `bits` bits, the largest to the largest integer; and the scale of each output."""
    top, out, scales = 2 ** (bits - 1) - 1, numpy.zeros(weight.shape, int), []
    for o in range(weight.shape[0]):
        largest = Fraction(float(abs(weight[o]).max()))
        scales.append(largest / top if largest else Fraction(1))
        for index in numpy.ndindex(weight[o].shape):
            w = Fraction(float(weight[o][index])) / scales[o]
            out[o][index] = math.floor(abs(w) + Fraction(1, 2)) * (1 if w >= 0 else -1)
    return out, scales


def layer_integers(layer, x, in_scales, levels, shift, bits=8, multiplier_bits=12):
    """x [channels, rows, columns], integers of in_scales [channels] Fractions; levels: scales, least, greatest, uneven. `shift`: what a
    value has more than its integer says, by channel."""
    scales = [Fraction(s) for s in levels["scales"]]
    outputs = len(scales)
    out = numpy.zeros((outputs, x.shape[1] // layer.stride, x.shape[2] // layer.stride), object)
    taps = 1 if layer.weight is None else layer.weight.shape[1]
    if layer.weight is not None:
        if layer.parts:
            integers, each = layer.parts
        else:
            integers, of_output = weight_integers(layer.weight, bits)
            each = numpy.empty(integers.shape, object)
            for o in range(outputs):
                each[o] = of_output[o]
    windows = list(layer.windows(x, None if layer.kind == "max" else 0))
    for o in range(outputs):
        gain = Fraction(1 if layer.gain is None else float(layer.gain[o]))
        offset = Fraction(0 if layer.bias is None else float(layer.bias[o])) * gain
        offset += Fraction(0 if layer.offset is None else float(layer.offset[o]))
        sums = {}
        if layer.weight is None:
            stack = [w[o] for _, _, w in windows]
            factor = in_scales[o] / scales[o] / (len(stack) if layer.kind == "average" else 1)
            sums[factor] = numpy.max(stack, 0) if layer.kind == "max" else numpy.sum(stack, 0)
            offset += shift[o]
        else:
            for k in range(taps):
                c = o // (outputs // layer.groups) * taps + k
                for i, j, w in windows:
                    n = int(integers[o, k, i, j])
                    if n == 0:
                        continue
                    scale = each[o, k, i, j] * in_scales[c]
                    offset += gain * each[o, k, i, j] * n * shift[c]
                    factor = gain * scale / scales[o]
                    sums[factor] = sums.get(factor, 0) + n * w[c]
        factors = list(sums) or [Fraction(0)]
        rounded, added = multiplier(factors, offset / scales[o], multiplier_bits)
        leak = Fraction(1)
        if layer.slope is not None:
            (leak,), _ = multiplier([Fraction(float(numpy.float32(layer.slope)))], 0, multiplier_bits)
        halves = 2 if levels.get("uneven") else 1

        def bound(b, otherwise):
            if b is None:
                return otherwise
            b = Fraction(float(numpy.float32(b))) / scales[o]
            return min(max(Fraction(math.floor(b * 2), 2) if halves == 2 else math.floor(b + Fraction(1, 2)), levels["least"]), levels["greatest"])

        low, high = bound(layer.low, levels["least"]), bound(layer.high, levels["greatest"])
        zeros = numpy.zeros(out.shape[1:], int)
        terms = [sums.get(f, zeros) for f in factors]
        for index in numpy.ndindex(out.shape[1:]):
            v = sum(r * int(t[index]) for r, t in zip(rounded, terms)) + added
            v = v * leak if v < 0 else v
            if halves == 2:
                v = min(max(v, low), high)
                best = levels["uneven"][0]
                for a, b in zip(levels["uneven"], levels["uneven"][1:]):
                    if 2 * v >= a + b:
                        best = b
                out[o][index] = best
            else:
                out[o][index] = min(max(math.floor(v + Fraction(1, 2)), low), high)
    return out


def image_integers(image, mean, std):
    """image [channels, rows, columns] of bytes, without a recipe: integers, their scales, and what they lack."""
    zeros = [math.floor(255 * Fraction(float(m)) + Fraction(1, 2)) for m in mean]
    scales = [1 / (255 * Fraction(float(s))) for s in std]
    shift = [(z - 255 * Fraction(float(m))) * s for z, m, s in zip(zeros, mean, scales)]
    return image.astype(int) - numpy.array(zeros)[:, None, None], scales, shift
