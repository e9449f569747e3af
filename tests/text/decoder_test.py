"""tools/convert_stories.py and the byte pairs, against llama2.c's formulas in numpy and, where PARE_ASSETS is set, its
trained network's text. Usage: decoder_test.py TEXT_PROBE"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnxruntime

PROBE = sys.argv.pop(1)
CONVERT = pathlib.Path(__file__).parents[2] / "tools" / "convert_stories.py"
SIZES = ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "positions")


class Decoder:
    """The converted network in onnxruntime."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.past = {i.name: i.shape for i in self.session.get_inputs() if i.name.startswith("past")}

    def empty(self, batch=1):
        return [np.zeros((batch, heads, 0, head), np.float32) for _, heads, _, head in self.past.values()]

    def __call__(self, ids, past, mask=None, positions=None):
        """Logits [batch, tokens, vocab] of ids [batch, tokens], and the cache."""
        ids, before = np.array(ids, np.int64), past[0].shape[2]
        batch, tokens = ids.shape
        feed = {"input_ids": ids, **dict(zip(self.past, past))}
        feed["attention_mask"] = np.ones((batch, before + tokens), np.int64) if mask is None else mask
        order = np.tile(np.arange(before, before + tokens), (batch, 1))
        feed["position_ids"] = order if positions is None else positions
        logits, *present = self.session.run(None, feed)
        return logits, present


def convert(source, target):
    return subprocess.run([sys.executable, CONVERT, source, target], capture_output=True, text=True)


def made(seed, sizes):
    """A network of llama2.c with random weights: the file's bytes, and its arrays by name."""
    random, size = np.random.default_rng(seed), dict(zip(SIZES, sizes))
    dim, hidden, layers, vocab = (abs(size[n]) for n in ("dim", "hidden", "layers", "vocab"))
    head = dim // size["heads"]
    kv = size["kv_heads"] * head
    shapes = dict(embedding=(vocab, dim), norm1=(layers, dim), wq=(layers, dim, dim), wk=(layers, kv, dim),
                  wv=(layers, kv, dim), wo=(layers, dim, dim), norm2=(layers, dim), w1=(layers, hidden, dim),
                  w2=(layers, dim, hidden), w3=(layers, hidden, dim), norm=(dim,), unused=(size["positions"], head))
    if size["vocab"] < 0:
        shapes["output"] = (vocab, dim)
    arrays = {name: random.standard_normal(shape) * (1 if "norm" in name else 2 / shape[-1] ** 0.5)
              for name, shape in shapes.items()}
    arrays = {name: array.astype("<f4") for name, array in arrays.items()}
    raw = struct.pack("<7i", *sizes) + b"".join(array.tobytes() for array in arrays.values())
    arrays.setdefault("output", arrays["embedding"])
    return raw, size, {name: array.astype(np.float64) for name, array in arrays.items()}


def forward(size, w, ids):
    """Logits [tokens, vocab] as llama2.c computes them: one token after the other, one head after the other."""
    heads, head = size["heads"], size["dim"] // size["heads"]
    group = heads // size["kv_heads"]
    keys, values, out = [[] for _ in w["wq"]], [[] for _ in w["wq"]], []

    def norm(x, weight):
        return weight * x / np.sqrt(np.mean(x * x) + 1e-5)

    def rotate(x, position):
        x = x.copy()
        for i in range(0, x.size, 2):
            angle = position / 10000 ** (i % head / head)
            a, b = x[i], x[i + 1]
            x[i], x[i + 1] = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
        return x

    for position, token in enumerate(ids):
        x = w["embedding"][token]
        for layer in range(size["layers"]):
            y = norm(x, w["norm1"][layer])
            q = rotate(w["wq"][layer] @ y, position)
            keys[layer].append(rotate(w["wk"][layer] @ y, position))
            values[layer].append(w["wv"][layer] @ y)
            mixed = np.zeros_like(q)
            for h in range(heads):
                own, kv = slice(h * head, (h + 1) * head), slice(h // group * head, (h // group + 1) * head)
                scores = np.array([q[own] @ key[kv] for key in keys[layer]]) / np.sqrt(head)
                shares = np.exp(scores - scores.max())
                mixed[own] = sum(s * v[kv] for s, v in zip(shares / shares.sum(), values[layer]))
            x = x + w["wo"][layer] @ mixed
            y = norm(x, w["norm2"][layer])
            gate = w["w1"][layer] @ y
            x = x + w["w2"][layer] @ (gate / (1 + np.exp(-gate)) * (w["w3"][layer] @ y))
        out.append(w["output"] @ norm(x, w["norm"]))
    return np.array(out)


class Converted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = pathlib.Path(folder.name)

    def converted(self, raw):
        (self.at / "in.bin").write_bytes(raw)
        done = convert(self.at / "in.bin", self.at / "out.onnx")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return Decoder(self.at / "out.onnx")

    def test_formulas(self):
        """Grouped, single and as many key heads as heads; tied and own output; the cache filled in any portions."""
        for seed, sizes in enumerate([(24, 20, 2, 6, 3, 31, 16), (16, 8, 1, 4, 1, 9, 12), (16, 24, 3, 2, 2, -17, 12)]):
            raw, size, arrays = made(seed, sizes)
            run = self.converted(raw)
            ids = np.random.default_rng(seed).integers(0, abs(size["vocab"]), 12)
            expected = forward(size, arrays, ids)
            for portions in ([12], [1] * 12, [5, 1, 1, 4, 1], [1, 11]):
                past, at = run.empty(), 0
                for count in portions:
                    logits, past = run([ids[at : at + count]], past)
                    np.testing.assert_allclose(logits[0], expected[at : at + count], rtol=2e-4, atol=2e-4)
                    at += count

    def test_padding(self):
        """Texts of two lengths in one batch, the shorter padded in front: both as alone."""
        raw, size, arrays = made(5, (24, 20, 2, 6, 3, 31, 16))
        run = self.converted(raw)
        long, short = [3, 1, 4, 1, 5, 9], [2, 7, 1]
        mask = np.array([[1] * 6, [0] * 3 + [1] * 3])
        positions = np.array([range(6), [0, 0, 0, 0, 1, 2]])
        logits, past = run([long, [30, 30, 30, *short]], run.empty(2), mask, positions)
        more, _ = run([[6], [8]], past, np.concatenate([mask, [[1], [1]]], 1), np.array([[6], [3]]))
        for row, ids, after in ((0, long, 6), (1, short, 8)):
            expected = forward(size, arrays, [*ids, after])
            np.testing.assert_allclose(logits[row, 6 - len(ids) :], expected[:-1], rtol=2e-4, atol=2e-4)
            np.testing.assert_allclose(more[row], expected[-1:], rtol=2e-4, atol=2e-4)

    def test_unsound_files(self):
        raw, _, _ = made(0, (24, 20, 2, 6, 3, 31, 16))
        for damaged, message in ((raw[:20], "header"), (raw[:-1], "bytes, its header asks for"),
                                 (raw + b"x", "asks for"), (b"\0" * 100, "no network"), (b"\x7f" * 100, "no network"),
                                 (struct.pack("<i", 25) + raw[4:], "no network")):
            (self.at / "in.bin").write_bytes(damaged)
            done = convert(self.at / "in.bin", self.at / "out.onnx")
            self.assertEqual(done.returncode, 1)
            self.assertIn(message, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertFalse((self.at / "out.onnx").exists())


class Stories(unittest.TestCase):
    """The trained network of 260,000 parameters."""

    def setUp(self):
        if not os.environ.get("PARE_ASSETS"):
            print(f"skipped: {self.id().split('.')[-1]}, since PARE_ASSETS is not set", file=sys.stderr)
            self.skipTest("PARE_ASSETS is not set")
        self.folder = pathlib.Path(os.environ["PARE_ASSETS"]) / "language_model" / "stories260K"
        self.tokeniser = self.folder / "tok512.bin"
        self.text = (self.folder / "greedy_257.txt").read_bytes()

    def probe(self, verb, data):
        done = subprocess.run([PROBE, verb, self.tokeniser], input=data, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_greedy_text(self):
        with tempfile.TemporaryDirectory() as folder:
            network = pathlib.Path(folder) / "stories.onnx"
            self.assertEqual(convert(self.folder / "stories260K.bin", network).stderr, "")
            run = Decoder(network)
        cached, past, least = [1], run.empty(), np.inf  # BOS
        whole = [1]
        for _ in range(257):
            logits, past = run([cached[-1:]], past)
            second, first = np.sort(logits[0, -1])[-2:]
            least = min(least, first - second)
            cached.append(int(logits[0, -1].argmax()))
            whole.append(int(run([whole], run.empty())[0][0, -1].argmax()))
        self.assertEqual(cached, whole)
        # the reference keeps the space behind BOS, as decoding without BOS does
        new = cached[1:]
        self.assertEqual(self.probe("decode", " ".join(map(str, new)).encode()), self.text)
        with_begin = self.probe("decode", " ".join(map(str, cached)).encode())
        self.assertEqual(with_begin, self.text.removeprefix(b" "))
        print(f"257 steps: the reference's text, with and without cache; nearest decision {least:.4f}", file=sys.stderr)

    def test_byte_pairs(self):
        """Against llama2.c's loops in Python, on sentences and on the network's own text."""
        raw, ids, scores, at = self.tokeniser.read_bytes(), {}, [], 4
        while at < len(raw):
            score, length = struct.unpack_from("<fi", raw, at)
            ids[raw[at + 8 : at + 8 + length]] = len(scores)
            scores.append(score)
            at += 8 + length
        names = list(ids)
        self.assertEqual(len(names), 512)

        def encode(text):
            out = [1, ids[b" "]] if text else [1]
            for character in text.decode():
                one = character.encode()
                out += [ids[one]] if one in ids else [byte + 3 for byte in one]
            while True:
                pairs = [(-scores[ids[pair]], i, ids[pair]) for i in range(len(out) - 1)
                         if (pair := names[out[i]] + names[out[i + 1]]) in ids]
                if not pairs:
                    return out
                _, i, joined = min(pairs)
                out[i : i + 2] = [joined]

        rows = (self.folder.parents[1] / "text" / "sst2_tsv" / "dev.tsv").read_bytes().split(b"\n")
        texts = [row.split(b"\t")[0] for row in rows][:300] + self.text.split(b"\n")
        texts += [self.text, "ünd 中\U0001f600".encode()]
        out = self.probe("encode", b"".join(struct.pack("<i", len(text)) + text for text in texts)).decode()
        got = [[int(word) for word in line.split()] for line in out.split("\n")[:-1]]
        for text, line in zip(texts, got, strict=True):
            self.assertEqual(line, encode(text))
            self.assertEqual(self.probe("decode", " ".join(map(str, line)).encode()), text)


if __name__ == "__main__":
    unittest.main()
