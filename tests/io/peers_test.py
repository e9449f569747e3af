"""What numpy, Pillow and gzip write, pare reads; what pare writes, numpy reads. Usage: peers_test.py IO_PROBE"""
import gzip
import io
import json
import os
import pathlib
import struct
import sys
import unittest
import zipfile

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from probe import ToolTest, tool


class Case(ToolTest):
    def samples(self, path, toml=None):
        """Name, samples [n, ...] and labels that pare reads."""
        if toml is not None:
            (self.at / "t.toml").write_text(toml)
        out, error = tool("samples", path, "-" if toml is None else self.at / "t.toml", self.at / "out")
        self.assertEqual(error, "")
        name, shape, labels = out.split("\n")[:3]
        values = np.fromfile(self.at / "out", np.float32)
        return name, values.reshape(-1, *map(int, shape.split())), [int(v) for v in labels.split()]

    def noise(self, *shape):
        """Smooth and sharp parts, so that a wrong filter shows."""
        image = self.random.integers(0, 256, shape, np.uint8)
        image[: shape[0] // 2] = np.linspace(0, 255, shape[1]).astype(np.uint8).reshape(1, -1, *[1] * (len(shape) - 2))
        return image


class Arrays(Case):
    def arrays(self):
        r = self.random
        types = ["<f4", "<f8", "<f2", "|u1", "|i1", "<i2", "<i4", "<i8", "<u2", "<u4", "<u8", "|b1"]
        out = {"t" + t.strip("<|"): r.integers(0, 100, (3, 4)).astype(t) for t in types}
        out.update(scalar=np.float32(2.5), empty=np.zeros((0, 3), np.int32), line=np.arange(7),
                   text=np.array(["ab", "c"]),
                   column=np.asfortranarray(r.standard_normal((4, 3, 5)).astype("<f4")), zeros=np.zeros((300, 300)))
        out["name with ü and space"] = np.arange(3, dtype=np.uint8)
        return out

    def check(self, path, arrays):
        out, error = tool("arrays", path)
        self.assertEqual(error, "")
        lines = [line.split("|") for line in out.splitlines()]
        self.assertEqual(sorted(line[0] for line in lines), sorted(arrays))
        for name, kind, shape, text in lines:
            array = np.asarray(arrays[name])
            self.assertEqual(kind, array.dtype.kind + str(array.dtype.itemsize), name)
            self.assertEqual(tuple(map(int, shape.split())), array.shape, name)
            self.assertEqual(text, array.tobytes("C").hex(), name)

    def test_savez(self):
        for save in (np.savez, np.savez_compressed):
            arrays = self.arrays()
            save(self.at / "a.npz", **arrays)
            self.check(self.at / "a.npz", arrays)

    def test_numpy_reads_what_pare_writes(self):
        arrays = self.arrays()
        np.savez_compressed(self.at / "a.npz", **arrays)
        self.assertEqual(tool("rewrite_arrays", self.at / "a.npz", self.at / "b.npz")[1], "")
        with np.load(self.at / "b.npz") as back:
            self.assertEqual(sorted(back), sorted(arrays))
            for name, array in arrays.items():
                np.testing.assert_array_equal(back[name], array)
                self.assertEqual(back[name].dtype, np.asarray(array).dtype)

    def test_64_bit_fields_and_streams(self):
        """The limits of zipfile lowered, every 64-bit record is written; a pipe gets sizes after the data."""
        arrays = {"x": np.arange(12, dtype=np.uint8).reshape(3, 4), "y": np.arange(3), "z": np.zeros(5000)}

        class Pipe(io.RawIOBase):
            def __init__(self):
                self.bytes = b""

            def writable(self):
                return True

            def write(self, data):
                self.bytes += bytes(data)
                return len(data)

        limits = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
        for limit, count in (limits, (10, 1)):
            zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limit, count
            try:
                for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    pipe = Pipe()
                    with zipfile.ZipFile(pipe, "w", method) as z:
                        for name, array in arrays.items():
                            with z.open(name + ".npy", "w", force_zip64=True) as member:
                                np.lib.format.write_array(member, array)
                        z.comment = b"PK\5\6 a comment that looks like an end"
                    self.assertEqual(b"PK\6\6" in pipe.bytes, limit == 10)
                    (self.at / "a.npz").write_bytes(pipe.bytes)
                    self.check(self.at / "a.npz", arrays)
            finally:
                zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits

    def test_pickles_are_refused(self):
        np.savez(self.at / "a.npz", o=np.array([{}], dtype=object))
        self.assertIn("pickled", tool("arrays", self.at / "a.npz")[1])

    def test_safetensors(self):
        arrays = {"w": self.random.standard_normal((2, 3)).astype(np.float32), "n": np.arange(5, dtype=np.uint8),
                  "l": np.array(-3, np.int64), "h": np.ones((1, 0), np.float16)}
        types = {"w": "F32", "n": "U8", "l": "I64", "h": "F16"}
        header, data = {}, b""
        for name, array in arrays.items():
            header[name] = dict(dtype=types[name], shape=array.shape,
                                data_offsets=(len(data), len(data) + array.nbytes))
            data += array.tobytes()
        text = json.dumps(header).encode()
        (self.at / "a").write_bytes(struct.pack("<Q", len(text)) + text + data)
        out, error = tool("tensors", self.at / "a")
        self.assertEqual(error, "")
        for name, kind, shape, hexed in (line.split("|") for line in out.splitlines()):
            self.assertEqual((kind, hexed), (types[name], arrays[name].tobytes().hex()))
        # and back: pare writes, an independent reader of the format's description reads
        self.assertEqual(tool("rewrite_tensors", self.at / "a", self.at / "b")[1], "")
        raw = (self.at / "b").read_bytes()
        size, = struct.unpack("<Q", raw[:8])
        header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
        self.assertEqual(header.pop("__metadata__"), {"writer": "pare"})
        covered = 0
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = entry["data_offsets"]
            self.assertEqual(begin, covered)
            self.assertEqual((8 + size + begin) % max(1, arrays[name].itemsize), 0)
            self.assertEqual(data[begin:end], arrays[name].tobytes())
            self.assertEqual(tuple(entry["shape"]), arrays[name].shape)
            covered = end
        self.assertEqual(covered, len(data))


class Images(Case):
    def test_resize_is_pillows(self):
        worst = 0
        for height, width, channels in [(37, 53, 3), (64, 64, 3), (5, 200, 1), (224, 300, 3), (1, 1, 3), (9, 4, 1)]:
            shape = (height, width, channels) if channels == 3 else (height, width)
            image = Image.fromarray(self.noise(*shape))
            image.save(self.at / "i.png")
            for to in [(32, 32), (224, 224), (height, 7), (7, width), (1, 1), (height * 2, width * 3)]:
                expected = np.asarray(image.resize(to[::-1], Image.BILINEAR)).astype(int)
                self.assertEqual(tool("resize", self.at / "i.png", *to, self.at / "o")[1], "")
                got = np.fromfile(self.at / "o", np.uint8).reshape(expected.shape).astype(int)
                worst = max(worst, np.abs(got - expected).max())
        self.assertEqual(worst, 0)

    def test_every_kind_of_file_decodes_as_pillow_does(self):
        rgb, grey = Image.fromarray(self.noise(21, 34, 3)), Image.fromarray(self.noise(21, 34))
        rgba = rgb.copy()
        rgba.putalpha(grey)
        palette, bits = rgb.quantize(17), grey.convert("1")
        files = {"rgb.png": (rgb, {}), "grey.png": (grey, {}), "rgba.png": (rgba, {}), "palette.png": (palette, {}),
                 "bits.png": (bits, {}), "la.png": (rgba.convert("LA"), {}), "few.png": (rgb.quantize(2), {}),
                 "clear.png": (palette, dict(transparency=3)), "a.jpg": (rgb, dict(quality=95)),
                 "b.JPEG": (rgb, dict(quality=60, progressive=True)), "c.jpeg": (grey, {}),
                 "d.jpg": (rgb, dict(subsampling=0)), "e.jpg": (rgb.convert("CMYK"), {}),
                 "a.ppm": (rgb, {}), "a.pgm": (grey, {})}
        for name, (image, options) in files.items():
            folder = self.at / name.replace(".", "_")
            folder.mkdir()
            image.save(folder / name, **options)
            back = Image.open(folder / name)
            plain = np.asarray(back.convert("L" if back.mode in ("L", "1", "LA") else "RGB"), np.float32)
            expected = (plain.reshape(21, 34, -1) / np.float32(255)).transpose(2, 0, 1)
            _, got, labels = self.samples(folder)
            self.assertEqual(labels, [])
            self.assertEqual(got.shape, (1, *expected.shape), name)
            self.assertLessEqual(np.abs(got[0] - expected).max() * 255, 1.01, name)
            # cut off anywhere: one line that names the file
            whole = (folder / name).read_bytes()
            for length in (0, 3, 20, len(whole) // 2):
                (folder / name).write_bytes(whole[:length])
                self.assertIn(name, tool("samples", folder, "-", self.at / "o")[1])

    def test_folder_of_classes(self):
        expected = []
        for label, name in enumerate(["B", "a", "b 2"]):
            (self.at / "set" / name / "deeper").mkdir(parents=True)
            for i, (height, width) in enumerate([(50, 40), (41, 90), (32, 32)]):
                image = Image.fromarray(self.noise(height, width, 3) if i else self.noise(height, width))
                image.save(self.at / "set" / name / ("deeper" if i == 2 else "") / f"{i}.png")
                scale = 36 / min(height, width)
                size = (36, int(36 * height / width)) if width <= height else (int(36 * width / height), 36)
                image = image.convert("RGB").resize(size, Image.BILINEAR)
                left, top = round((size[0] - 32) / 2), round((size[1] - 32) / 2)
                pixels = np.asarray(image.crop((left, top, left + 32, top + 32)), np.float32)
                expected.append((label, (pixels / 255 - [0.5, 0.25, 0.125]) / [0.25, 0.5, 1]))
        (self.at / "set" / "a" / "notes.txt").write_text("no image")
        toml = 'mean = [0.5, 0.25, 0.125]\nstd = [0.25, 0.5, 1]\nresize = 36\nsize = 32\nlayout = "nhwc"\n'
        name, got, labels = self.samples(self.at / "set", toml)
        self.assertEqual((name, got.shape), ("set", (9, 32, 32, 3)))
        self.assertEqual(labels, [label for label, _ in expected])
        for sample, (_, pixels) in zip(got, expected):
            self.assertLessEqual(np.abs(sample - pixels).max(), 1e-6)
        error = tool("samples", self.at / "set", "-", self.at / "o")[1]
        self.assertIn("40 x 50", error)
        self.assertIn("give resize and size", error)


class Sets(Case):
    def test_idx(self):
        images, labels = self.random.integers(0, 256, (5, 7, 6), np.uint8), np.array([3, 1, 4, 1, 5], np.uint8)
        packed = struct.pack(">HBBIII", 0, 8, 3, 5, 7, 6) + images.tobytes()
        packed_labels = struct.pack(">HBBI", 0, 8, 1, 5) + labels.tobytes()
        for images_name, labels_name in [("t-images-idx3-ubyte", "t-labels-idx1-ubyte"),
                                         ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"),
                                         ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte")]:
            for name, data in [(images_name, packed), (labels_name, packed_labels)]:
                (self.at / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
            _, got, got_labels = self.samples(self.at / images_name)
            np.testing.assert_array_equal(got, images[:, None] / np.float32(255))
            self.assertEqual(got_labels, labels.tolist())
        self.assertIn("labels, not images", tool("samples", self.at / "t-labels-idx1-ubyte", "-", self.at / "o")[1])
        (self.at / "t-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, 4) + bytes(4))
        error = tool("samples", self.at / "t-images-idx3-ubyte", "-", self.at / "o")[1]
        self.assertIn("4 labels for the 5 images", error)

    def test_npz(self):
        x, y = self.random.integers(0, 256, (4, 8, 9, 3), np.uint8), np.arange(4)
        for kind in ("u1", "i2", "u4", "i8", "u8"):
            np.savez(self.at / "s.npz", x=x, y=y.astype(kind))
            name, got, labels = self.samples(self.at / "s.npz", "mean = 0.5\nstd = [0.5, 0.25, 1.0]")
            expected = (x.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.array([0.5, 0.25, 1], np.float32)
            np.testing.assert_array_equal(got, expected.transpose(0, 3, 1, 2))
            self.assertEqual((name, labels), ("s", [0, 1, 2, 3]))
        np.savez(self.at / "s.npz", x=x[..., 0])
        np.testing.assert_array_equal(self.samples(self.at / "s.npz", "mean = [0, 0, 0]")[1],
                                      np.repeat(x[:, None, :, :, 0], 3, 1) / np.float32(255))
        for kind in ("f2", "f4", "f8"):
            floats = self.random.standard_normal((4, 3, 5)).astype(kind)
            np.savez(self.at / "s.npz", x=floats)
            np.testing.assert_array_equal(self.samples(self.at / "s.npz")[1], floats.astype(np.float32))
        np.testing.assert_allclose(self.samples(self.at / "s.npz", "mean = [0, 1, 2]\nstd = [1, 2, 4]")[1],
                                   (floats - [[0], [1], [2]]) / [[1], [2], [4]], rtol=1e-6, atol=1e-7)

    def test_the_real_set(self):
        assets = os.environ.get("PARE_ASSETS")
        if not assets:
            print("skipped: the real set, since PARE_ASSETS is not set", file=sys.stderr)
            self.skipTest("PARE_ASSETS is not set")
        path = pathlib.Path(assets) / "vision" / "cifar10_jpeg_test.npz"
        mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        name, got, labels = self.samples(path, f"mean = {mean}\nstd = {std}")
        with np.load(path) as z:
            expected = (z["x"] / np.float32(255) - np.float32(mean)) / np.float32(std)
            np.testing.assert_array_equal(got, expected.transpose(0, 3, 1, 2))
            self.assertEqual(labels, z["y"].tolist())


if __name__ == "__main__":
    unittest.main()
