"""Checks the room model against others' programs: onnxruntime for what files compute, torch's exporters for real files.

peers_test.py MODEL_TOOL FOLDER      exported files are kept in FOLDER, so that a second run is quick
"""
import pathlib
import subprocess
import sys
import time
import warnings

import numpy as np
import onnxruntime

TOOL = sys.argv[1]
FOLDER = pathlib.Path(sys.argv[2])
failures = []
warnings.simplefilter("ignore")


def tool(*arguments):
    result = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"model_tool {arguments}: {result.stderr.strip()}")
    return result.stdout


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check(ok, message):
    if not ok:
        failures.append(message)
        print("FAILED", message, flush=True)


def quantisers():
    """Exported quantisers and weights give bit for bit what encode and decode give."""
    folder = FOLDER / "quantizers"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    tool("quantizers", folder)
    files = sorted(folder.glob("*.onnx"))
    check(len(files) > 300, f"only {len(files)} quantisers")
    for file in files:
        run = session(file)
        x = np.fromfile(file.with_suffix(".in"), np.float32).reshape(run.get_inputs()[0].shape)
        expected = np.fromfile(file.with_suffix(".out"), np.float32).reshape(x.shape)
        try:
            y = run.run(None, {"x": x})[0]
        except Exception as error:
            check(False, f"{file.stem}: {error}")
            continue
        wrong = np.flatnonzero(y.view(np.uint32) != expected.view(np.uint32))
        check(wrong.size == 0 and y.shape == x.shape,
              f"{file.stem}: {wrong.size} of {x.size} differ" + (
                  f", first {x.flat[wrong[0]]!r}: {y.flat[wrong[0]]!r}, not {expected.flat[wrong[0]]!r}"
                  if wrong.size else ""))
    print(f"{len(files)} quantisers and weights compared", flush=True)


def mobilenet_v1(torch):
    """The table of Howard et al. 2017, width 1."""
    nn = torch.nn

    def block(cin, cout, stride, groups):
        return [nn.Conv2d(cin, cout, 3 if groups > 1 or cin == 3 else 1, stride,
                          1 if groups > 1 or cin == 3 else 0, groups=groups, bias=False),
                nn.BatchNorm2d(cout), nn.ReLU()]

    layers, cin = block(3, 32, 2, 1), 32
    for cout, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [
            (1024, 2), (1024, 1)]:
        layers += block(cin, cin, stride, cin) + block(cin, cout, 1, 1)
        cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))


# MACs and parameters at 224 x 224: the tables of torchvision's documentation (GFLOPS there are MACs) and the papers',
# exact where torch's own modules say it. Parameters count the scale and shift of batch normalisation, not its
# statistics; an exporter that folds it into convolutions leaves one number a channel in place of two.
PUBLISHED = {
    "resnet50": (4.09e9, 25_557_032),
    "mobilenet_v2": (0.30e9, 3_504_872),
    "vgg11": (7.61e9, 132_863_336),
    "densenet121": (2.83e9, 7_978_856),
    "squeezenet1_0": (0.82e9, 1_248_424),
    "mobilenet_v3_large": (0.22e9, 5_483_032),
    "mobilenet_v3_small": (0.06e9, 2_542_856),
    "mobilenet_v1": (0.569e9, 4_231_976),
}


def export(name, kind, path):
    import torch
    import torchvision

    torch.manual_seed(0)
    network = mobilenet_v1(torch) if name == "mobilenet_v1" else getattr(torchvision.models, name)(weights=None)
    channels = 0
    for module in network.modules():  # statistics as after training, so that batch normalisation does something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            channels += module.num_features
    for parameter in network.parameters():  # exporters keep one copy of equal constants
        parameter.data += 0.01 * torch.randn_like(parameter)
    path.with_suffix(".channels").write_text(str(channels))
    network.eval()
    x = torch.randn(2, 3, 224, 224)
    temporary = path.with_suffix(".part")
    arguments = dict(input_names=["image"], output_names=["logits"])
    if kind == "dynamo18":
        torch.onnx.export(network, (x,), str(temporary), dynamo=True, verbose=False, opset_version=18,
                          external_data=False, dynamic_shapes=({0: torch.export.Dim("batch")},), **arguments)
    else:
        training = torch.onnx.TrainingMode.PRESERVE if kind == "unfolded17" else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(network, (x,), str(temporary), dynamo=False, opset_version=int(kind[-2:]),
                          dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}}, training=training,
                          do_constant_folding=kind != "unfolded17", **arguments)
    temporary.rename(path)


def networks():
    plan = [(name, kind) for name in PUBLISHED for kind in ["script13", "dynamo18", "unfolded17"]]
    # half a gigabyte each: once is enough
    skip = {("vgg11", "dynamo18"), ("vgg11", "unfolded17")}
    x = np.random.default_rng(1).standard_normal((3, 3, 224, 224)).astype(np.float32)
    for name, kind in plan:
        if (name, kind) in skip:
            continue
        file = FOLDER / f"{name}_{kind}.onnx"
        start = time.time()
        if not file.exists():
            export(name, kind, file)
        exported = time.time() - start
        written = FOLDER / "written.onnx"
        try:
            tool("roundtrip", file, written)
            macs, parameters, _ = map(int, tool("count", file).split())
        except RuntimeError as error:
            check(False, f"{file.stem}: {error}")
            continue
        want = session(file).run(None, {"image": x})[0]
        got = session(written).run(None, {"image": x})[0]
        error = np.abs(got - want).max() / np.abs(want).max()
        check(got.shape == want.shape and error < 1e-5, f"{file.stem}: outputs differ by {error}")
        published_macs, published_parameters = PUBLISHED[name]
        # a published figure has two decimals of its unit, or three digits
        check(abs(macs - published_macs) <= 0.006e9, f"{file.stem}: {macs} MACs, published {published_macs}")
        if kind == "unfolded17":
            check(parameters == published_parameters,
                  f"{file.stem}: {parameters} parameters, published {published_parameters}")
        else:
            folded = published_parameters - int(file.with_suffix(".channels").read_text())
            # DenseNet normalises before its convolutions, where nothing can be folded, as well as after
            fits = folded < parameters < published_parameters if name == "densenet121" else parameters == folded
            check(fits, f"{file.stem}: {parameters} parameters, {published_parameters} published, {folded} folded")
        print(f"{file.stem}: {macs / 1e9:.3f} GMACs, {parameters} parameters, error {error:.1e}, "
              f"export {exported:.1f} s, checks {time.time() - start - exported:.1f} s", flush=True)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    quantisers()
    networks()
    print(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)
