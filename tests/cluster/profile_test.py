"""pare cluster profile as a user meets it: events measured here, and predictions made of them.

profile_test.py PARE
"""
import functools
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

GPT = {"model_type": "gpt2", "n_embd": 64, "n_layer": 4, "n_head": 4, "vocab_size": 256, "n_positions": 32,
       "tie_word_embeddings": False}
MLP = {"model_type": "mlp", "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 32}
CLUSTER = """[device]
matrix_tflops = 0.1
matrix_fp32_tflops = 0.1
memory_gib = 16
memory_gb_s = 10
[nodes]
count = 1
devices = {}
[inside]
latency_us = 100
bandwidth_gb_s = 1
"""
FLOAT = ["--precision", "fp32", "--no-dropout"]
pare = functools.partial(command.pare, "cluster")


class Profile(command.CommandTest):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        for name, network in (("gpt", GPT), ("mlp", MLP)):
            (self.folder / f"{name}.json").write_text(json.dumps(network))
        for devices in (2, 4):
            (self.folder / f"{devices}.toml").write_text(CLUSTER.format(devices))
        self.profile = self.folder / "profile.json"

    def verb(self, verb, network, devices, *options):
        return pare(verb, self.folder / f"{network}.json", "--cluster", self.folder / f"{devices}.toml", "--profile", self.profile,
                    *options)

    def test_what_is_measured_is_what_a_prediction_needs(self):
        for network, devices, widths in (("gpt", 2, ["--tensor-parallel", 2]), ("mlp", 2, ["--pipeline-parallel", 2, "--schedule", "zb-h1"]),
                                         ("gpt", 4, ["--data-parallel", 2, "--pipeline-parallel", 2])):
            options = [*FLOAT, *widths, "--batch", 8]
            run = self.verb("profile", network, devices, *options, "--rounds", 3, "-q")
            self.assertEqual(run.returncode, 0, run.stderr)
            run = self.verb("predict", network, devices, *options, "--json")
            self.assertEqual(run.returncode, 0, run.stderr)
            told = json.loads(run.stdout)["candidates"][0]
            self.assertGreater(told["costs"]["batch_time_s"]["value"], 0)
        # one file for all three
        held = json.loads(self.profile.read_text())
        self.assertEqual({entry["source"] for entry in held["operations"].values()}, {"measured"})
        self.assertIn("causal forward 2x32x32x16 fp32", held["operations"])
        self.assertIn("relu backward 64 fp32", held["operations"])
        self.assertEqual({c["kind"] for c in held["collectives"]}, {"all-reduce", "send"})

    def test_plans_over_what_was_measured(self):
        run = self.verb("profile", "gpt", 2, *FLOAT, "--data-parallel", 2, "--micro-batch", 4, "--batch", 8, "--rounds", 3, "-q")
        self.assertEqual(run.returncode, 0, run.stderr)
        told = json.loads(self.verb("plan", "gpt", 2, *FLOAT, "--batch", 8, "--json").stdout)
        self.assertGreater(told["conditions"]["not_in_the_profile"], 0)
        self.assertEqual({c["details"]["events"] for c in told["candidates"]}, {"profile"})
        self.assertEqual({c["decision"]["precision"] for c in told["candidates"]}, {"fp32"})
        found = {(c["decision"]["data_parallel"], c["decision"]["tensor_parallel"]) for c in told["candidates"]}
        self.assertEqual(found, {(2, 1)})  # what nobody profiled is not there
        self.refused(self.verb("plan", "mlp", 2, *FLOAT, "--batch", 8), 1, "pare cluster profile")

    def test_says_what_is_missing(self):
        self.assertEqual(self.verb("profile", "mlp", 2, *FLOAT, "--data-parallel", 2, "--batch", 8, "--rounds", 1, "-q").returncode, 0)
        self.refused(self.verb("predict", "mlp", 2, *FLOAT, "--data-parallel", 2, "--micro-batch", 2, "--batch", 8), 1, "linear forward 2x64x64 fp32",
                     "pare cluster profile")

    def test_refuses_what_it_cannot_run(self):
        good = ["--data-parallel", 2, "--batch", 8]
        self.refused(self.verb("profile", "gpt", 2, *good), 1, "bf16", "--precision fp32")
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT, "--plain-attention"), 1, "context")
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT, "--rounds", 0), 2, "rounds")
        self.refused(self.verb("profile", "mlp", 2, *FLOAT, "--tensor-parallel", 2, "--batch", 8), 2, "--tensor-parallel")
        self.profile.write_text("[]")
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT), 1, "profile.json")
        self.assertEqual(self.profile.read_text(), "[]")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
