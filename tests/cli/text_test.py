"""Networks that read and write text, through the command: a small encoder made here, and those of PARE_ASSETS."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from command import CommandTest, pare

sys.argv.pop(1)
CONVERTER = pathlib.Path(__file__).parents[2] / "tools" / "convert_stories.py"
ASSETS = pathlib.Path(os.environ["PARE_ASSETS"]) if "PARE_ASSETS" in os.environ else None
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "very", "##ly", "dull", "bright"]
onnxruntime.set_default_logger_severity(3)


def encoder():
    """ids, mask [batch, tokens] -> embedding, masked mean, two products with biases -> logits [batch, 2]"""
    random = np.random.default_rng(0)
    weights = {
        "table": random.standard_normal((len(WORDS), 16)), "w1": random.standard_normal((16, 24)) * 0.4,
        "b1": random.standard_normal(24) * 0.1, "w2": random.standard_normal((24, 2)) * 0.4, "b2": np.zeros(2),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["e"]),
        helper.make_node("MatMul", ["e", "w1"], ["m1"], name="first"),
        helper.make_node("Add", ["m1", "b1"], ["a1"]),
        helper.make_node("Tanh", ["a1"], ["t1"]),
        helper.make_node("Cast", ["attention_mask"], ["mf"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mf", "last"], ["mu"]),
        helper.make_node("Mul", ["t1", "mu"], ["real"]),
        helper.make_node("ReduceSum", ["real", "one"], ["sum"], keepdims=0),
        helper.make_node("MatMul", ["sum", "w2"], ["m2"], name="second"),
        helper.make_node("Add", ["m2", "b2"], ["logits"]),
    ]
    constants = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in weights.items()]
    constants += [numpy_helper.from_array(np.array([n]), k) for k, n in (("last", 2), ("one", 1))]
    graph = helper.make_graph(
        nodes, "encoder",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "tokens"]) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


class Text(CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        onnx.save(encoder(), cls.folder / "model.onnx")
        (cls.folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        session = onnxruntime.InferenceSession(str(cls.folder / "model.onnx"))
        random = np.random.default_rng(2)
        lines = []
        for _ in range(300):
            words = list(random.choice(WORDS[5:10] + WORDS[11:], random.integers(1, 12)))
            ids = np.array([[2] + [WORDS.index(w) for w in words] + [3]])
            label = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0].argmax()
            lines.append(f"{' '.join(words)}\t{label}\n")
        (cls.folder / "test.tsv").write_text("".join(lines[:200]))
        (cls.folder / "train.tsv").write_text("".join(lines[200:]))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def costs(self, run):
        self.assertEqual(run.returncode, 0, run.stderr)
        study = json.loads(run.stdout)
        return {c["name"]: {name: cost["value"] for name, cost in c["costs"].items()} for c in study["candidates"]}

    def test_accuracy_does_not_depend_on_batch_or_padding(self):
        for batch in (1, 7, 64):
            run = pare("evaluate", self.folder / "model.onnx", "--data", self.folder / "test.tsv", "--batch", batch, "--json")
            self.assertEqual(self.costs(run)["float32"]["top1"], 100)

    def test_quantised(self):
        run = pare("quantize", self.folder / "model.onnx", "--data", self.folder / "test.tsv", "--training",
                   self.folder / "train.tsv", "--method", "int,ant", "--bits", "8,4", "-o", self.folder / "out", "--json")
        costs = self.costs(run)
        self.assertGreaterEqual(costs["int8"]["top1"], 97)
        self.assertLess(costs["ant4"]["weight_bytes"], costs["float32"]["weight_bytes"])
        again = pare("evaluate", self.folder / "model.onnx", "--data", self.folder / "test.tsv", "--recipe",
                     self.folder / "out" / "ant4", "--json")
        self.assertAlmostEqual(self.costs(again)["recipe"]["top1"], costs["ant4"]["top1"], delta=0.6)
        # what is exported computes the same in onnxruntime
        session = onnxruntime.InferenceSession(str(self.folder / "out" / "ant4" / "model.onnx"))
        ids = np.array([[2, 5, 7, 3]])
        self.assertEqual(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0].shape, (1, 2))

    def test_bad_input(self):
        model, data = self.folder / "model.onnx", self.folder / "test.tsv"
        alone = self.folder / "alone"
        alone.mkdir()
        onnx.save(encoder(), alone / "model.onnx")
        self.refused(pare("evaluate", alone / "model.onnx", "--data", data), 1, "vocabulary", "--vocabulary")
        self.refused(pare("evaluate", model, "--data", data, "--vocabulary", self.folder / "none.txt"), 1, "none.txt")
        (self.folder / "bad.tsv").write_text("good film\t1\nno label here\n")
        self.refused(pare("evaluate", model, "--data", self.folder / "bad.tsv"), 1, "2")
        (self.folder / "far.tsv").write_text("good film\t9\n")
        self.refused(pare("evaluate", model, "--data", self.folder / "far.tsv"), 1, "label 9")
        self.refused(pare("generate", model, "a", "--tokenizer", self.folder / "vocab.txt"), 1, "vocab.txt")
        self.refused(pare("generate", model, "a"), 2, "--tokenizer")

    @unittest.skipUnless(ASSETS, "PARE_ASSETS is not set")
    def test_trained_encoder(self):
        folder = ASSETS / "text" / "minilm_sst2"
        expected = json.loads((folder / "expected.json").read_text())
        for part in ("dev", "test"):
            run = pare("evaluate", folder / "model.onnx", "--data", ASSETS / "text" / "sst2_tsv" / f"{part}.tsv", "--json")
            top1 = self.costs(run)["float32"]["top1"]
            self.assertEqual(round(top1 * expected["sentences"][part] / 100), expected["correct"][part])

    @unittest.skipUnless(ASSETS, "PARE_ASSETS is not set")
    def test_trained_decoder(self):
        folder = ASSETS / "language_model" / "stories260K"
        model, tokenizer = self.folder / "stories.onnx", folder / "tok512.bin"
        subprocess.run([sys.executable, str(CONVERTER), str(folder / "stories260K.bin"), str(model)], check=True)
        run = pare("generate", model, "", "--tokenizer", tokenizer, "--tokens", 257)
        self.assertEqual(run.stdout, (folder / "greedy_257.txt").read_text() + "\n")
        told = json.loads(pare("generate", model, "", "--tokenizer", tokenizer, "--tokens", 257, "--json").stdout)
        self.assertEqual(told["candidates"][0]["details"]["text"], (folder / "greedy_257.txt").read_text())
        prompt = pare("generate", model, "Once upon a time", "--tokenizer", tokenizer, "--tokens", 20).stdout
        self.assertTrue(prompt.startswith("Once upon a time, there was"), prompt)
        drawn = [pare("generate", model, "One day", "--tokenizer", tokenizer, "--tokens", 40, "--temperature", 1,
                      "--seed", seed).stdout for seed in (1, 1, 2)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
