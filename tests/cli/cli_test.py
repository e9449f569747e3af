"""The command as a user meets it: a whole path on a small network, and one clear line for every kind of bad input."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from command import PARE, CommandTest, pare

sys.argv.pop(1)
onnxruntime.set_default_logger_severity(3)


def network(seed=0, weights=None, op="Relu", domain=""):
    """image [N, 1, 8, 8] -> conv -> op -> conv -> pool -> logits [N, 4]"""
    random = np.random.default_rng(seed)
    w = {
        "w1": random.standard_normal((8, 1, 3, 3)) * 0.5,
        "b1": random.standard_normal(8) * 0.1,
        "w2": random.standard_normal((6, 8, 3, 3)) * 0.2,
        "w3": random.standard_normal((6, 4)),
        "b3": np.zeros(4),
    }
    w.update(weights or {})
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1], name="first"),
        helper.make_node(op, ["c1"], ["r1"], name="middle", domain=domain),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], strides=[2, 2], name="second"),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["logits"], name="last"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in w.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


class Command(CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        onnx.save(network(), cls.folder / "small.onnx")
        random = np.random.default_rng(1)
        images = random.standard_normal((240, 1, 8, 8)).astype(np.float32)
        session = onnxruntime.InferenceSession(str(cls.folder / "small.onnx"))
        labels = session.run(None, {"image": images})[0].argmax(1)
        np.savez(cls.folder / "train.npz", x=images[:120], y=labels[:120])
        np.savez(cls.folder / "test.npz", x=images[120:], y=labels[120:])
        np.savez(cls.folder / "no_labels.npz", x=images[120:])
        np.savez(cls.folder / "wrong_shape.npz", x=random.standard_normal((50, 1, 9, 9)).astype(np.float32), y=labels[:50])
        np.savez(cls.folder / "wrong_labels.npz", x=images[:50], y=np.full(50, 7))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def quantize(self, *arguments, model="small.onnx", data="test.npz", training="train.npz"):
        return pare("quantize", self.folder / model, "--data", self.folder / data, "--training", self.folder / training, *arguments)

    def test_same_seed_same_bytes(self):
        for name in ("once", "again"):
            run = self.quantize("--bits", "4", "--method", "ant", "--threads", "2", "--seed", "3", "-o", self.folder / name)
            self.assertEqual(run.returncode, 0, run.stderr)
        for file in ("recipe.json", "recipe.safetensors", "model.onnx"):
            once, again = ((self.folder / name / "ant4" / file).read_bytes() for name in ("once", "again"))
            self.assertEqual(once, again, file)

    def test_killed_at_any_time(self):
        """What is there afterwards is whole: fifty runs killed at random moments."""
        random = np.random.default_rng(5)
        start = time.monotonic()
        self.assertEqual(self.quantize("--bits", "4", "--method", "ant", "-o", self.folder / "whole").returncode, 0)
        longest = time.monotonic() - start
        left = 0
        for i in range(50):
            out = self.folder / f"killed{i}"
            process = subprocess.Popen(
                [PARE, "quantize", self.folder / "small.onnx", "--data", self.folder / "test.npz", "--training",
                 self.folder / "train.npz", "--bits", "4", "--method", "ant", "-o", out],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(longest * (1 - random.uniform() ** 2 / 2))  # most of them late, where files are written
            process.kill()
            process.wait()
            for file in out.rglob("*"):
                if file.name in ("study.json", "recipe.json"):
                    json.loads(file.read_text())
                elif file.name == "recipe.safetensors":
                    self.assertEqual(file.read_bytes(), (self.folder / "whole" / "ant4" / file.name).read_bytes())
                elif file.name == "model.onnx":
                    onnx.load(file)
                left += file.is_file()
            if (out / "ant4" / "recipe.json").exists():
                self.assertTrue((out / "ant4" / "recipe.safetensors").exists())
        self.assertGreater(left, 0, "every run was killed before it wrote anything: the moments are badly chosen")

    def saved(self, name, model):
        onnx.save(model, self.folder / name)
        return name

    def test_help_is_instant(self):
        pare("--help")
        times = []
        for _ in range(5):
            start = time.perf_counter()
            run = pare("--help")
            times.append(time.perf_counter() - start)
            self.assertEqual(run.returncode, 0)
        self.quick(min(times), 0.05)
        for verb in ("report", "inspect", "evaluate", "quantize"):
            self.assertIn(verb, run.stdout)
            text = pare(verb, "--help").stdout
            self.assertIn("Examples:", text)
            self.assertEqual(text.split("Examples:")[1].count(f"pare {verb}"), 2)

    def test_wrong_usage(self):
        for arguments in ((), ("nonsense",), ("inspect",), ("inspect", "a", "--nonsense"), ("--threads", "0", "report")):
            self.assertEqual(pare(*arguments).returncode, 2, arguments)
        self.refused(pare("nonsense"), 2, "knows no 'nonsense'", "inspect")
        self.refused(pare("inspect", "a", "--nonsense"), 2, "inspect knows no option '--nonsense'")
        self.refused(pare("cluster", "predct", "a.json"), 2, "cluster knows no 'predct'", "predict")
        self.assertIn("predict", pare("cluster", "--help").stdout)
        self.refused(pare("report", "--simd", "nonsense"), 2, "nonsense")
        self.refused(self.quantize("--device", "cuda"), 2, "--device")

    def test_inspect_counts(self):
        study = json.loads(pare("inspect", self.folder / "small.onnx", "--json").stdout)
        costs = study["candidates"][0]["costs"]
        self.assertEqual(costs["parameters"]["value"], 72 + 8 + 432 + 24 + 4)
        self.assertEqual(costs["macs"]["value"], 64 * 72 + 9 * 432 + 24)
        self.assertEqual(costs["weight_bytes"]["value"], 4 * 540)

    def test_evaluate_agrees_with_onnxruntime(self):
        study = json.loads(pare("evaluate", self.folder / "small.onnx", "--data", self.folder / "test.npz", "--json").stdout)
        self.assertEqual(study["candidates"][0]["costs"]["top1"]["value"], 100)

    def test_the_whole_path(self):
        out = self.folder / "out"
        run = self.quantize("--method", "int,ant-tensor,ant,mixed,flint", "--bits", "4,8", "-o", out, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        study = json.loads(run.stdout)
        self.assertEqual(study, json.loads((out / "study.json").read_text()))
        rows = {c["name"]: c for c in study["candidates"]}
        self.assertEqual(set(rows), {"float32", "int4", "ant-tensor4", "ant4", "mixed4", "flint4", "int8", "ant-tensor8", "ant8", "flint8"})
        data = np.load(self.folder / "test.npz")
        for name, row in rows.items():
            if name == "float32":
                continue
            # the bytes counted are those of the file; codes are packed
            recipe = out / name / "recipe.safetensors"
            self.assertEqual(row["costs"]["weight_bytes"]["value"], recipe.stat().st_size)
            # onnxruntime runs the exported file to the same accuracy, and so does evaluate with the recipe
            session = onnxruntime.InferenceSession(str(out / name / "model.onnx"))
            answers = session.run(None, {"image": data["x"]})[0].argmax(1)
            self.assertAlmostEqual(100 * np.mean(answers == data["y"]), row["costs"]["top1"]["value"], delta=0.9, msg=name)
            again = json.loads(pare("evaluate", self.folder / "small.onnx", "--data", self.folder / "test.npz", "--recipe", out / name, "--json").stdout)
            self.assertEqual(again["candidates"][0]["costs"]["top1"]["value"], row["costs"]["top1"]["value"])
        # the paper's rule never has more error than a single format in the same window
        formats = {t["name"]: t for t in rows["ant-tensor4"]["details"]["tensors"]}
        single = json.loads(self.quantize("--method", "int,flint,pot,float", "--bits", "4", "--select", "tensor", "--json").stdout)
        for candidate in single["candidates"][1:]:
            for tensor in candidate["details"]["tensors"]:
                self.assertLessEqual(formats[tensor["name"]]["mse"], tensor["mse"] * (1 + 1e-9), tensor["name"])
        # same seed and threads, same answer
        again = json.loads(self.quantize("--method", "ant", "--bits", "4", "--json").stdout)
        self.assertEqual(again["candidates"][1]["details"]["tensors"], rows["ant4"]["details"]["tensors"])
        # studies can be drawn again
        page = self.folder / "page"
        self.assertEqual(pare("report", out / "study.json", "-o", page).returncode, 0)
        self.assertIn("ant4", (page / "report.html").read_text())

    def test_finetuning_writes_both_networks(self):
        run = self.quantize("--method", "ant", "--bits", "4", "--finetune", "2", "--no-mirror", "--json", "-o", self.folder / "tuned")
        names = [c["name"] for c in json.loads(run.stdout)["candidates"]]
        self.assertEqual(names, ["float32", "float32-tuned", "ant4", "ant4-tuned"])

    def test_without_training_samples_the_data_are_divided(self):
        run = pare("quantize", self.folder / "small.onnx", "--data", self.folder / "test.npz", "--method", "int", "--json")
        study = json.loads(run.stdout)
        self.assertEqual(study["conditions"]["test_samples"], 108)
        self.assertIn("set apart", study["conditions"]["training"])

    def test_missing_labels(self):
        run = self.quantize("--method", "int", "--json", data="no_labels.npz")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertNotIn("top1", json.loads(run.stdout)["candidates"][1]["costs"])
        self.refused(self.quantize("--finetune", "1", training="no_labels.npz"), 1, "labels")

    def test_bad_networks(self):
        for name, model, words in (
            ("unknown.onnx", network(op="Einsum", domain="", weights={}), ("Einsum", "middle")),
            ("foreign.onnx", network(op="Gelu", domain="com.microsoft"), ("com.microsoft",)),
            ("nan.onnx", network(weights={"w2": np.full((6, 8, 3, 3), np.nan)}), ("second", "NaN")),
        ):
            run = self.quantize(model=self.saved(name, model))
            self.refused(run, 1, *words)
        (self.folder / "cut.onnx").write_bytes((self.folder / "small.onnx").read_bytes()[:-200])
        self.refused(self.quantize(model="cut.onnx"), 1, "cut.onnx")
        self.refused(self.quantize(model="nowhere.onnx"), 1, "nowhere.onnx")

    def test_bad_data(self):
        self.refused(self.quantize(data="wrong_shape.npz"), 1, "[N, 1, 8, 8]", "9")
        self.refused(self.quantize(training="wrong_shape.npz"), 1, "[N, 1, 8, 8]")
        self.refused(self.quantize(data="wrong_labels.npz"), 1, "label 7")
        self.refused(self.quantize(data="nowhere.npz"), 1, "nowhere.npz")

    def test_tensors_without_range(self):
        zero = self.saved("zero.onnx", network(weights={"w1": np.zeros((8, 1, 3, 3)), "b1": np.zeros(8)}))
        ones = np.ones((6, 8, 3, 3))
        ones[2] = 0
        constant = self.saved("constant.onnx", network(weights={"w2": ones}))
        for model in (zero, constant):
            run = self.quantize("--method", "ant,int", "--bits", "4,3", "--json", model=model)
            self.assertEqual(run.returncode, 0, run.stderr)
            for candidate in json.loads(run.stdout)["candidates"]:
                self.assertTrue(np.isfinite(candidate["costs"]["loss"]["value"]))

    def test_bad_options(self):
        for arguments, words in (
            (("--bits", "2"), ("--bits", "3 to 8")),
            (("--bits", "9"), ("--bits", "3 to 8")),
            (("--method", "posit"), ("posit",)),
            (("--ties", "odd"), ("--ties", "away")),
            (("--granularity", "row"), ("--granularity",)),
            (("--input-bits", "12"), ("--input-bits",)),
            (("--layout", "chwn"), ("--layout",)),
        ):
            self.refused(self.quantize(*arguments), 2, *words)
        self.refused(self.quantize("--method", "pot", "--bits", "8"), 2, "upot8")

    def test_unwritable_output(self):
        (self.folder / "file").write_text("in the way")
        self.refused(self.quantize("--method", "int", "-o", self.folder / "file" / "x"), 1, "file")
        self.refused(self.quantize("--method", "int", "-o", self.folder / "file"), 2, "file is no folder")
        if os.geteuid() != 0:
            return
        self.refused(pare("report", self.folder / "nothing.json"), 1, "nothing.json")

    def test_foreign_recipe(self):
        out = self.folder / "other"
        self.assertEqual(self.quantize("--method", "int", "-o", out).returncode, 0)
        other = self.saved("other.onnx", network(seed=5))
        self.refused(pare("evaluate", self.folder / other, "--data", self.folder / "test.npz", "--recipe", out / "int4"), 1, "hash")


if __name__ == "__main__":
    unittest.main()
