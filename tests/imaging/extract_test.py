"""pare imaging extract: pipelines out of networks, bit for bit against integers and fractions in Python (network_case.py), and close to
onnxruntime; and its refusals.

extract_test.py PARE EXAMPLES      EXAMPLES: the folder of .pipe files
"""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

try:
    import numpy
    import onnx
    import onnxruntime
    from network_case import *
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

EXAMPLES = pathlib.Path(sys.argv[2])
pare = command.pare


class Network:
    """Layers under construction, their nodes, and the values between them."""

    def __init__(self, random, channels):
        self.random, self.channels, self.image_channels = random, channels, channels
        self.nodes, self.weights, self.layers, self.last = [], {}, [], "image"

    def node(self, op, *constants, **attributes):
        name = f"{op.lower()}{len(self.nodes) + 1}"
        inputs = [self.last]
        for i, c in enumerate(constants):
            if c is None:
                inputs.append("")
                continue
            inputs.append(f"{name}.c{i}")
            self.weights[inputs[-1]] = numpy.asarray(c, numpy.float32)
        self.last = name + "_y"
        self.nodes.append((op, name, inputs, [self.last], attributes))
        return name

    def conv(self, outputs, kernel, bias=True, **how):
        layer = Layer("conv", kernel, **how)
        shape = (outputs, self.channels // layer.groups, *kernel)
        spread = 1 / numpy.sqrt(numpy.prod(shape[1:]))
        layer.weight = (spread * self.random.standard_normal(shape)).astype(numpy.float32)
        layer.weight[self.random.random(shape) < 0.1] = 0
        layer.bias = (0.3 * self.random.standard_normal(outputs)).astype(numpy.float32) if bias else None
        name = self.node("Conv", layer.weight, *([layer.bias] if bias else []), strides=[layer.stride] * 2, pads=layer.pads,
                         dilations=[layer.dilation] * 2, group=layer.groups)
        self.channels = outputs
        self.layers.append((layer, name))

    def pool(self, kind, kernel, **how):
        layer = Layer(kind, kernel, **how)
        more = {"count_include_pad": 1} if kind == "average" else {}
        name = self.node({"max": "MaxPool", "average": "AveragePool"}[kind], kernel_shape=kernel, pads=layer.pads,
                         strides=[layer.stride] * 2, ceil_mode=int(layer.ceil), **more)
        self.layers.append((layer, name))

    def normalise(self):
        layer, n = self.layers[-1][0], self.channels
        gamma, beta, mean = 1 + 0.3 * self.random.standard_normal(n), *(0.4 * self.random.standard_normal((2, n)))
        gamma[0] = -gamma[0]  # a channel turned over
        variance = self.random.uniform(0.5, 2, n)
        gamma, beta, mean, variance = (v.astype(numpy.float32) for v in (gamma, beta, mean, variance))
        self.node("BatchNormalization", gamma, beta, mean, variance, epsilon=1e-3)
        layer.gain = gamma.astype(float) / numpy.sqrt(variance.astype(float) + float(numpy.float32(1e-3)))
        layer.offset = beta.astype(float) - mean.astype(float) * layer.gain

    def relu(self):
        self.node("Relu")
        self.layers[-1][0].low = 0

    def clip(self, low, high):
        self.node("Clip", low, high)
        self.layers[-1][0].low, self.layers[-1][0].high = low, high

    def leak(self, slope):
        self.node("LeakyRelu", alpha=slope)
        self.layers[-1][0].slope = slope

    def write(self, path, height, width):
        return write_onnx(path, self.nodes, self.weights, self.image_channels, height, width, (self.last,))


def random_network(seed):
    """Layers whose sizes stay (padding) or shrink (none), with all that a chain may have between."""
    random = numpy.random.default_rng(seed)
    net = Network(random, int(random.choice([1, 3])))
    same = seed % 3 != 2
    for depth in range(int(random.integers(1, 4))):
        stride, dilation = int(random.choice([1, 2])) if depth == 0 else 1, int(random.choice([1, 1, 2]))
        kernel = [int(k) for k in random.choice([1, 2, 3, 5] if dilation == 1 else [1, 2, 3], 2)]
        extent = [(k - 1) * dilation for k in kernel]
        pads = (extent[0] // 2, extent[1] // 2, extent[0] - extent[0] // 2, extent[1] - extent[1] // 2) if same else (0,) * 4
        groups = net.channels if net.channels > 1 and random.random() < 0.3 else 1
        net.conv(groups * 2 if groups > 1 else int(random.integers(2, 5)), kernel, bool(random.random() < 0.7), stride=stride,
                 dilation=dilation, pads=pads, groups=groups)
        if random.random() < 0.4:
            net.normalise()
        [net.relu, lambda: net.clip(-0.4, 1.0), lambda: net.leak(0.1), lambda: None][random.integers(4)]()
        if depth < 2 and random.random() < 0.6:
            kind = str(random.choice(["max", "average"]))
            pads = (1, 1, 1, 1) if same and random.random() < 0.5 else (0,) * 4
            # rounded up, the last window begins inside and ends outside
            ceil = kind == "max" and not same and random.random() < 0.5
            net.pool(kind, [3, 3] if any(pads) or ceil else [2, 2], stride=2, pads=pads, ceil=ceil)
    return net, random


class Extract(command.FolderTest):
    def extract(self, model, *options, output="out"):
        run = pare("imaging", "extract", model, *options, "-o", self.folder / output, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.study = json.loads(run.stdout)
        (candidate,) = self.study["candidates"]
        self.details = candidate["details"]
        return pathlib.Path(self.details["file"])

    def save(self, name, image):
        """[channels, rows, columns] as an .npy that pare reads."""
        path = self.folder / f"{name}.npy"
        numpy.save(path, numpy.moveaxis(image, 0, 2))
        return path

    def run_pipe(self, pipe, image):
        run = pare("imaging", "run", pipe, image, "-o", self.folder / "run", "--npy", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        (output,) = json.loads(run.stdout)["candidates"][0]["details"]["outputs"]
        got = numpy.load(output["file"])
        return got[None] if got.ndim == 2 else numpy.moveaxis(got, 2, 0)

    def float_outputs(self, model, image, mean, std):
        x = ((image / 255 - numpy.reshape(mean, (-1, 1, 1))) / numpy.reshape(std, (-1, 1, 1))).astype(numpy.float32)
        (y,) = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"image": x[None]})
        return y[0].astype(float)

    def check(self, net, model, image, mean, std, bits, multiplier_bits, *options, snr):
        channels = net.image_channels
        pipe = self.extract(model, "--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, std)), "--bits", bits,
                            "--multiplier-bits", multiplier_bits, "--compare", self.save("image", image), *options)
        got = self.run_pipe(pipe, self.folder / "image.npy")
        x, scales, shift = image_integers(image, mean, std)
        if len(self.details["layers"]) < len(net.layers):  # a maximum that is rounded up, behind rows that were lost
            self.assertIn("cut the end", self.details["stopped"])
            self.assertTrue(net.layers[len(self.details["layers"])][0].ceil)
            return None
        for n, (layer, described) in enumerate(zip((l for l, _ in net.layers), self.details["layers"])):
            levels = {key: described[key] for key in ("scales", "least", "greatest")}
            x = layer_integers(layer, x, scales, levels, shift if n == 0 else [0] * len(x), bits, multiplier_bits)
            scales = [Fraction(s) for s in levels["scales"]]
        wanted = self.float_outputs(model, image, mean, std)
        height, width = wanted.shape[1:]
        last = self.details["layers"][-1]
        self.assertEqual((height, width), (got.shape[1] - last["lost_rows"], got.shape[2] - last["lost_columns"]))
        numpy.testing.assert_array_equal(got[:, :height, :width], x[:, :height, :width].astype(int))
        worth = got[:, :height, :width] * numpy.reshape(last["scales"], (-1, 1, 1))
        error = worth - wanted
        self.assertAlmostEqual(self.details["against_network"]["rms_error"], numpy.sqrt((error**2).mean()),
                               delta=1e-4 * numpy.abs(wanted).max())
        self.assertAlmostEqual(self.details["against_network"]["largest_error"], abs(error).max(), delta=1e-4 * numpy.abs(wanted).max())
        if wanted.any():
            self.assertGreater(10 * numpy.log10((wanted**2).mean() / (error**2).mean()), snr)
        return got, wanted

    def test_random_networks(self):
        lost = kinds = whole = 0
        for seed in range(36):
            net, random = random_network(seed)
            height, width = (48, 80) if seed % 3 != 2 else (64, 64)
            model = net.write(self.folder / "m.onnx", height, width)
            mean, std = random.uniform(0, 0.6, net.image_channels).round(3), random.uniform(0.2, 0.5, net.image_channels).round(3)
            rows, columns = numpy.mgrid[0:height, 0:width]
            image, other = (numpy.clip(random.integers(0, 60, (net.image_channels, height, width)) + 90 + 80 *
                                       numpy.sin(columns / 5 + p) * numpy.cos(rows / 7), 0, 255).astype(numpy.uint8) for p in (0, 1))
            bits = int(random.choice([8, 8, 6, 10]))
            with self.subTest(seed=seed, nodes=[n[0] for n in net.nodes]):
                done = self.check(net, model, image, mean, std, bits, int(random.choice([12, 9, 16])), "--calibrate",
                                  self.save("other", other), snr=24 if bits >= 8 else 12)
                whole += done is not None
                lost += self.details["layers"][-1]["lost_rows"] > 0
                kinds |= 1 << len(net.layers)
        self.assertGreater(whole, 30)
        self.assertGreater(lost, 5)
        self.assertGreater(kinds.bit_count(), 2)

    def test_bounds_hold_for_every_image(self):
        """Without images, ranges are those that any image stays in: extremes of bytes are not cut."""
        random = numpy.random.default_rng(3)
        net = Network(random, 1)
        net.conv(3, [3, 3], pads=(1,) * 4)
        net.leak(0.25)
        model = net.write(self.folder / "m.onnx", 16, 16)
        for k in range(3):  # for each output the image that is its highest and lowest
            sign = net.layers[0][0].weight[k, 0][::-1, ::-1] > 0
            image = numpy.zeros((1, 16, 16), numpy.uint8)
            image[0, 4:7, 4:7] = 255 * sign[::-1, ::-1]
            image[0, 9:12, 9:12] = 255 * ~sign[::-1, ::-1]
            got, wanted = self.check(net, model, image, [0.4], [0.3], 8, 12, snr=20)
            (layer,) = self.details["layers"]
            self.assertLessEqual(abs(wanted).max(), layer["scales"][0] * layer["greatest"] * (1 + 1e-6))
        self.assertEqual(self.study["conditions"]["ranges"], "bounds")

    def test_channels_and_ends(self):
        random = numpy.random.default_rng(4)
        net = Network(random, 3)
        net.conv(4, [3, 3], pads=(1,) * 4)
        net.relu()
        net.conv(5, [3, 3], pads=(1,) * 4)
        net.relu()
        net.pool("max", [2, 2], stride=2)
        net.weights[net.nodes[2][2][1]][[1, 3], 2] = 0  # channel 2 is of no use to outputs 1 and 3
        net.nodes.append(("GlobalAveragePool", "mean", [net.last], ["mean_y"], {}))
        net.last = "mean_y"
        model = net.write(self.folder / "m.onnx", 16, 16)
        image = random.integers(0, 256, (3, 16, 16)).astype(numpy.uint8)
        path = self.save("image", image)
        whole = self.run_pipe(self.extract(model, "--calibrate", path), path)
        self.assertEqual(whole.shape, (5, 8, 8))
        self.assertIn("GlobalAveragePool 'mean'", self.details["stopped"])
        text = self.extract(model, "--calibrate", path, "--channels", "3,1").read_text()
        self.assertIn("3 channels to 3:", text)  # channel 2 is not computed
        part = self.run_pipe(self.folder / "out" / "m.pipe", path)
        self.assertEqual(part.shape, (2, 8, 8))
        first = self.extract(model, "--calibrate", path, "--layers", 1)
        self.assertEqual([l["node"] for l in self.details["layers"]], ["Conv 'conv1'"])
        for end in ("relu2", "relu2_y"):
            self.assertEqual(self.run_pipe(self.extract(model, "--calibrate", path, "--to", end, output=end), path).tolist(),
                             self.run_pipe(first, path).tolist())

    def recipe_case(self, seed, weight, activation, granularity, group=0):
        random = numpy.random.default_rng(seed)
        net = Network(random, 3)
        net.conv(4, [3, 3], pads=(1,) * 4)
        net.relu()
        net.pool("max", [2, 2], stride=2)
        net.conv(3, [3, 3], False, pads=(1,) * 4)
        net.relu()
        net.nodes.append(("Conv", "after", [net.last, "after.w"], ["y"], {}))
        net.weights["after.w"] = numpy.ones((1, 3, 1, 1), numpy.float32)
        end, net.last = net.last, "y"
        model = net.write(self.folder / "m.onnx", 16, 16)
        recipe = Recipe()
        values, fraction = integer_values(weight)
        largest = max(code_values(weight))
        for layer, name in (l for l in net.layers if l[0].kind == "conv"):
            shape = layer.weight.shape
            count = numpy.prod(shape[1:])
            runs = {"tensor": 1, "channel": shape[0], "group": shape[0] * -(-count // group) if group else 0}[granularity]
            scales = (random.uniform(0.5, 1, runs) / float(largest)).astype(numpy.float32)
            codes = random.integers(0, len(values), shape)
            if weight[0] != "u" and not weight.endswith("full"):
                codes[codes == len(values) // 2] = 0  # minus zero is never written
            recipe.add(name + ".c0", "weight", weight, scales, granularity, 0, group, codes)
            each = numpy.empty(shape, object)
            for o in range(shape[0]):
                for e, index in enumerate(numpy.ndindex(shape[1:])):
                    run = {"tensor": 0, "channel": o, "group": o * -(-count // group) + e // group if group else 0}[granularity]
                    each[o][index] = Fraction(float(scales[run])) / 2**fraction
            layer.parts = (numpy.array(values, object)[codes], each)
        recipe.replace(net.layers[0][1] + ".c1", net.layers[0][0].bias + 0.25)
        net.layers[0][0].bias = (net.layers[0][0].bias + numpy.float32(0.25)).astype(numpy.float32)
        net.layers[2][0].bias = random.standard_normal(3).astype(numpy.float32)
        recipe.add_bias(net.layers[2][1], net.layers[2][0].bias)
        levels = {}
        for value, kind, form, reach in (("image", "input", "int8", 2.0), (net.nodes[2][3][0], "activation", activation, 4.0),
                                         (end, "activation", activation, 6.0)):
            scale = numpy.float32(reach / float(max(code_values(form))))
            recipe.add(value, kind, form, [scale])
            integers, power = integer_values(form)
            levels[value] = {"scale": Fraction(float(scale)) / 2**power, "uneven": sorted(set(integers))}
        return net, model, recipe.write(self.folder / "recipe", model), levels, end, random

    def test_recipes(self):
        for seed, (weight, activation, granularity, group) in enumerate((
                ("int8", "uint8", "channel", 0), ("int4", "uint4", "tensor", 0), ("int6", "int7", "channel", 0),
                ("flint4", "uflint4", "channel", 0), ("float4_e2m1", "ufloat5_e3m2", "channel", 0), ("pot4", "upot3", "tensor", 0),
                ("int5", "uint6", "group", 9), ("flint5", "flint5", "group", 7))):
            with self.subTest(weight=weight, activation=activation, granularity=granularity):
                net, model, recipe, levels, end, random = self.recipe_case(seed, weight, activation, granularity, group)
                image = random.integers(0, 256, (3, 16, 24)).astype(numpy.uint8)
                mean, std = [0.5, 0.4, 0.3], [0.25, 0.3, 0.35]
                pipe = self.extract(model, "--recipe", recipe, "--to", end, "--mean", "0.5,0.4,0.3", "--std", "0.25,0.3,0.35",
                                    "--compare", self.save("image", image))
                got = self.run_pipe(pipe, self.folder / "image.npy")
                scale = levels["image"]["scale"]
                x = numpy.zeros(image.shape, int)
                for index in numpy.ndindex(image.shape):
                    c = index[0]
                    v = (Fraction(int(image[index]), 255) - Fraction(mean[c])) / Fraction(std[c]) / scale
                    x[index] = min(max(math.floor(abs(v) + Fraction(1, 2)) * (1 if v >= 0 else -1), -127), 127)
                scales = [scale] * 3
                middle = levels[net.nodes[2][3][0]]
                for layer, chosen in zip((l for l, _ in net.layers), (middle, middle, levels[end])):
                    outputs = len(x) if layer.weight is None else len(layer.weight)
                    uneven = chosen["uneven"]
                    even = len(uneven) == uneven[-1] - uneven[0] + 1
                    x = layer_integers(layer, x, scales, {"scales": [chosen["scale"]] * outputs, "least": uneven[0], "greatest": uneven[-1],
                                                          "uneven": None if even else uneven}, [0] * len(x))
                    scales = [chosen["scale"]] * outputs
                numpy.testing.assert_array_equal(got, x.astype(int))
                against = self.details["against_recipe"]
                # no further than one level now and then
                self.assertLess(against["rms_error"], 0.2 * against["rms"])
                self.assertGreater(numpy.unique(got).size, 3)

    def test_a_chain_from_a_rounded_value(self):
        net, model, recipe, levels, end, random = self.recipe_case(7, "int6", "uint6", "channel")
        middle = net.nodes[2][3][0]
        pipe = self.extract(model, "--recipe", recipe, "--from", middle, "--to", end)
        x = random.integers(0, 64, (4, 8, 12))
        got = self.run_pipe(pipe, self.save("codes", x))
        scale = levels[end]["scale"]
        wanted = layer_integers(net.layers[2][0], x, [levels[middle]["scale"]] * 4,
                                {"scales": [scale] * 3, "least": 0, "greatest": 63}, [0] * 4)
        numpy.testing.assert_array_equal(got, wanted.astype(int))
        self.refused(pare("imaging", "extract", model, "--from", middle), 1, f"value '{middle}'", "is not rounded by a recipe")

    def test_the_example_is_what_its_first_line_makes(self):
        path = EXAMPLES / "network.pipe"
        line = path.read_text().splitlines()[0].removeprefix("# pare ").split()
        run = pare(*line, "-o", self.folder, cwd=EXAMPLES.parents[1])
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual((self.folder / "network.pipe").read_text(), path.read_text())

    def test_the_example_on_real_images(self):
        """Against onnxruntime's first layers in floats: 6 bits are good for 20 dB."""
        assets = os.environ.get("PARE_ASSETS")
        if not assets:
            self.skipTest("PARE_ASSETS is not set")
        import PIL.Image
        image = numpy.array(PIL.Image.open(pathlib.Path(assets) / "images" / "camera.png").convert("L"))[:256, :256]
        got = self.run_pipe(EXAMPLES / "network.pipe", self.save("image", image[None]))
        model = onnx.load(EXAMPLES / "network" / "network.onnx")
        model.graph.output.append(onnx.helper.make_tensor_value_info("pool2_output", 1, None))
        for d in model.graph.input[0].type.tensor_type.shape.dim[2:]:
            d.dim_param = d.dim_param or "side"
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        wanted = session.run(["pool2_output"], {"image": ((image / 255 - 0.45) / 0.25).astype(numpy.float32)[None, None]})[0][0]
        self.assertEqual(got.shape, wanted.shape)
        tensors = {t["value"]: t for t in json.loads((EXAMPLES / "network" / "recipe" / "recipe.json").read_text())["tensors"]}
        self.assertEqual(tensors["pool2_output"]["format"], "uint6")
        # the scale is the one that fits best: what the recipe says is tested above
        scale = (wanted * got).sum() / (got * got.astype(float)).sum()
        self.assertGreater(10 * numpy.log10((wanted**2).mean() / ((scale * got - wanted) ** 2).mean()), 20)

    def refusal(self, net, *words, code=1, options=(), height=16):
        self.refused(pare("imaging", "extract", net.write(self.folder / "m.onnx", height, height), *options), code, *words)

    def test_refusals(self):
        def net(build, channels=1):
            made = Network(numpy.random.default_rng(1), channels)
            build(made)
            return made

        same = dict(pads=(1,) * 4)
        plain = net(lambda n: n.conv(2, [3, 3], **same))
        self.refused(pare("imaging", "extract", self.folder / "none.onnx"), 1, "none.onnx")
        self.refusal(net(lambda n: n.node("Sigmoid")), "Sigmoid 'sigmoid1'", "is no convolution")
        self.refusal(plain, "'nothing'", "--to", code=2, options=("--to", "nothing"))
        self.refusal(plain, "'nothing'", "--from", code=2, options=("--from", "nothing"))
        self.refusal(plain, "no channel 2", code=2, options=("--channels", "2"))
        self.refusal(plain, "2 numbers", "--mean", code=2, options=("--mean", "0.1,0.2"))
        self.refusal(plain, "--std", code=2, options=("--std", "0"))
        self.refusal(plain, "none", "cannot be read", options=("--recipe", self.folder / "none"))
        self.refusal(net(lambda n: (n.conv(2, [3, 3], **same), n.node("Softmax", axis=1), n.conv(2, [1, 1]))), "Softmax 'softmax2'",
                     "'conv3' is not reached", options=("--to", "conv3"))
        self.refusal(net(lambda n: n.node("Conv", numpy.ones((1, 1, 3, 3)), strides=[2, 1])), "Conv 'conv1'", "strides")
        self.refusal(net(lambda n: n.conv(2, [3, 3], pads=(2,) * 4)), "Conv 'conv1'", "2 rows more")
        self.refusal(net(lambda n: (n.conv(2, [3, 3]), n.conv(2, [3, 3], **same))), "Conv 'conv2'", "cut the end", options=("--to", "conv2"))
        self.refusal(net(lambda n: n.node("AveragePool", kernel_shape=[3, 3], pads=[1] * 4)), "AveragePool 'averagepool1'", "fewer pixels")
        self.refusal(net(lambda n: n.conv(300, [1, 1])), "Conv 'conv1'", "300 channels")
        self.refusal(net(lambda n: (n.conv(200, [1, 1]), n.conv(200, [3, 3], **same))), "Conv 'conv2'", "360000 weights")
        still = net(lambda n: (n.conv(1, [1, 1]), n.clip(0, 1)))  # every pixel is 1
        still.weights["conv1.c0"][:], still.weights["conv1.c1"][:] = 0.5, 5
        self.refusal(still, "m.onnx", "'conv1' depends on no image")
        colour = self.save("colour", numpy.zeros((3, 16, 16), numpy.uint8))
        self.refusal(plain, "colour.npy", "3 channels", options=("--compare", colour))
        small = self.save("small", numpy.zeros((1, 1, 1), numpy.uint8))
        self.refusal(net(lambda n: n.conv(2, [3, 3], stride=2, pads=(1,) * 4)), "small.npy", "is 1 x 1", options=("--calibrate", small))
        numpy.save(self.folder / "deep.npy", numpy.full((16, 16), 300))
        self.refusal(plain, "deep.npy", "is 300", options=("--compare", self.folder / "deep.npy"))
        (self.folder / "bad.onnx").write_bytes(b"\x08\x07garbage")
        self.refused(pare("imaging", "extract", self.folder / "bad.onnx"), 1, "bad.onnx")
        self.refused(pare("imaging", "extract", plain.write(self.folder / "m.onnx", 16, 16), "--bits", 40), 2, "--bits")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
