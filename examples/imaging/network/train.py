"""Trains the network of examples/imaging/network.pipe: two convolutions of four channels, two larger ones.

train.py FOLDER [--seed N]      Needs torch, numpy and onnx. Writes network.onnx, training.npz and test.npz.

Images are 32 x 32, grey, of 8 shapes (disc, ring, square, frame, cross, triangle, two kinds of stripes) at random places, sizes and
contrasts under noise. test.npz has other samples than training.npz, and nothing is chosen by it.
"""
import argparse
import pathlib

import numpy
import onnx
import torch

SIDE, CLASSES, MEAN, STD = 32, 8, 0.45, 0.25


def shape_of(kind, x, y):
    """Whether points (x, y), in units of the radius around the centre, belong to the shape."""
    r, box = numpy.hypot(x, y), numpy.maximum(abs(x), abs(y))
    return [r < 1, (r < 1) & (r > 0.55), box < 0.85, (box < 0.85) & (box > 0.45),
            (box < 1) & (numpy.minimum(abs(x), abs(y)) < 0.28), (y < 0.75) & (y > -0.9) & (abs(x) < (y + 0.9) * 0.55),
            (box < 1) & ((y + 4) % 0.8 < 0.4), (box < 1) & ((x + y + 8) % 0.9 < 0.45)][kind]


def samples(count, random):
    images, labels = [], numpy.arange(count) % CLASSES
    rows, columns = numpy.mgrid[0:SIDE, 0:SIDE]
    for kind in labels:
        radius, angle = random.uniform(7, 12), random.uniform(-0.35, 0.35)
        cx, cy = random.uniform(0.8 * radius, SIDE - 0.8 * radius, 2)
        dx, dy = (columns - cx) / radius, (rows - cy) / radius
        hit = shape_of(kind, numpy.cos(angle) * dx + numpy.sin(angle) * dy, numpy.cos(angle) * dy - numpy.sin(angle) * dx)
        low = random.uniform(20, 110)
        high = low + random.uniform(50, 130)
        image = numpy.where(hit != (random.random() < 0.5), high, low) + 12 * random.standard_normal((SIDE, SIDE))
        images.append(numpy.clip(numpy.round(image), 0, 255).astype(numpy.uint8))
    return numpy.stack(images), labels.astype(numpy.int64)


def train(images, labels, seed):
    torch.manual_seed(seed)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 24, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(24, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(32, CLASSES))
    x = ((torch.from_numpy(images).float() / 255 - MEAN) / STD)[:, None]
    y = torch.from_numpy(labels)
    epochs, batch = 20, 64
    optimizer = torch.optim.AdamW(layers.parameters(), 4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(y) // batch)
    for _ in range(epochs):
        for chosen in torch.randperm(len(y)).split(batch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(layers(x[chosen]), y[chosen]).backward()
            optimizer.step()
            schedule.step()
    return layers


def write(layers, path):
    names = [f"{layer}.{kind}" for layer in ("conv1", "conv2", "conv3", "conv4", "linear") for kind in ("weight", "bias")]
    weights = {name: p.detach().numpy() for name, p in zip(names, layers.parameters())}
    nodes, last = [], "image"

    def node(op, name, *constants, **attributes):
        nonlocal last
        nodes.append(onnx.helper.make_node(op, [last, *constants], [name + "_output"], name, **attributes))
        last = name + "_output"

    for n in (1, 2, 3, 4):
        node("Conv", f"conv{n}", f"conv{n}.weight", f"conv{n}.bias", kernel_shape=[3, 3], pads=[1] * 4)
        node("Relu", f"relu{n}")
        if n < 3:
            node("MaxPool", f"pool{n}", kernel_shape=[2, 2], strides=[2, 2])
    node("GlobalAveragePool", "mean")
    node("Flatten", "flatten")
    node("Gemm", "linear", "linear.weight", "linear.bias", transB=1)
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "network", [value("image", 1, ["N", 1, SIDE, SIDE])], [value("linear_output", 1, ["N", CLASSES])],
        [onnx.numpy_helper.from_array(w, n) for n, w in weights.items()])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # sums in one order
    random = numpy.random.default_rng(given.seed)
    sets = {"training": samples(4096, random), "test": samples(1024, random)}
    for name, (images, labels) in sets.items():
        numpy.savez_compressed(given.folder / f"{name}.npz", x=images, y=labels)
    layers = train(*sets["training"], given.seed)
    write(layers, given.folder / "network.onnx")
    images, labels = sets["test"]
    with torch.no_grad():
        right = layers(((torch.from_numpy(images).float() / 255 - MEAN) / STD)[:, None]).argmax(1).numpy() == labels
    print(f"{right.mean():.1%} of {len(labels)} test images are right")


if __name__ == "__main__":
    main()
