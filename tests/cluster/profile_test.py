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

    def test_every_kind_of_network_in_every_type(self):
        layers = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 64}
        llama = {"model_type": "llama", "num_key_value_heads": 2, "max_position_embeddings": 32, **layers}
        networks = {
            "bert": ({"model_type": "bert", "max_position_embeddings": 32, **layers},
                     ["--pipeline-parallel", 2, "--plain-attention"]),
            "llama": (llama, ["--context-parallel", 2, "--eager"]),
            "mixtral": ({**llama, "model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2},
                        ["--data-parallel", 2, "--expert-parallel", 2]),
            "t5": ({"model_type": "t5", "d_model": 32, "d_ff": 64, "num_layers": 2, "num_heads": 4, "d_kv": 8, "vocab_size": 64,
                    "n_positions": 32}, ["--tensor-parallel", 2, "--sequence-parallel"]),
            "vit": ({"model_type": "vit", "image_size": 16, "patch_size": 8, "num_channels": 3, **layers}, ["--data-parallel", 2])}
        for name, (network, widths) in networks.items():
            (self.folder / f"{name}.json").write_text(json.dumps(network))
            for precision in "fp32", "bf16", "fp16":
                options = [*widths, "--batch", 4, "--precision", precision]
                for verb, more in (("profile", ["--rounds", 1, "-q"]), ("predict", ["-q"])):
                    run = self.verb(verb, name, 2, *options, *more)
                    self.assertEqual(run.returncode, 0, f"{verb} {name} {options}: {run.stderr}")
        held = json.loads(self.profile.read_text())
        self.assertEqual({"scores forward 4x32x32x8 bf16", "residual-dropout backward 1024 fp16"} - held["operations"].keys(), set())
        self.assertEqual({c["kind"] for c in held["collectives"]},
                         {"all-reduce", "send", "exchange", "all-to-all", "all-gather", "reduce-scatter"})

    def test_two_nodes(self):
        """The ranks of a launcher; that they are on two nodes is what it says."""
        (self.folder / "across.toml").write_text(CLUSTER.format(1).replace("count = 1", "count = 2") +
                                                 "[across]\nlatency_us = 100\nbandwidth_gb_s = 1\n")
        verb = ["cluster", "profile", self.folder / "gpt.json", "--cluster", self.folder / "across.toml", *FLOAT, "--batch", 8,
                "--data-parallel", 2]
        more = ["--rounds", 2, "--profile", self.profile, "--json"]
        (code, first, errors), (other, second, others) = command.ranks([[*verb, *more]] * 2, GROUP_RANK=[0, 1])
        self.assertEqual((code, other), (0, 0), errors + others)
        self.assertEqual(json.loads(first)["conditions"]["measured_on"][:11], "one core of")
        self.assertEqual(second, "")
        self.assertEqual({c["nodes"] for c in json.loads(self.profile.read_text())["collectives"]}, {2})
        run = pare("predict", *verb[2:], "--profile", self.profile, "--json")
        self.assertGreater(json.loads(run.stdout)["candidates"][0]["costs"]["batch_time_s"]["value"], 0)

        for code, _, errors in command.ranks([[*verb, *more], [*verb, "--micro-batch", 2, *more]]):
            self.assertEqual(code, 1)
            self.assertIn("events: differ between ranks", errors)
        for code, _, errors in command.ranks([[*verb, *more]] * 3):
            self.assertEqual(code, 1)
            self.assertIn("WORLD_SIZE: is 3", errors)

    def test_estimates_what_is_missing(self):
        options = [*FLOAT, "--data-parallel", 2, "--batch", 8]
        self.assertEqual(self.verb("profile", "gpt", 2, *options, "--rounds", 3, "-q").returncode, 0)
        held = json.loads(self.profile.read_text())
        missing = {key for key in held["operations"] if key.startswith(("residual", "loss", "optimizer"))}
        for key in missing:
            del held["operations"][key]
        self.profile.write_text(json.dumps(held))
        self.refused(self.verb("predict", "gpt", 2, *options), 1, "--estimate-missing", "residual forward")
        one = json.loads(self.verb("predict", "gpt", 2, *options, "--estimate-missing", "--json").stdout)["candidates"][0]
        self.assertEqual(set(one["details"]["estimated_operations"]), missing)
        self.assertIn(f"{len(missing)} of ", self.verb("predict", "gpt", 2, *options, "--estimate-missing").stdout)
        told = json.loads(self.verb("plan", "gpt", 2, *FLOAT, "--batch", 8, "--estimate-missing", "--json").stdout)
        self.assertNotIn("not_in_the_profile", told["conditions"])
        self.refused(pare("predict", self.folder / "gpt.json", "--cluster", self.folder / "2.toml", *options, "--estimate-missing"), 2,
                     "--estimate-missing", "--profile")

    def test_refuses_what_it_cannot_run(self):
        good = ["--data-parallel", 2, "--batch", 8]
        self.refused(self.verb("profile", "gpt", 2, *good, "--precision", "fp8"), 1, "fp8", "--precision bf16")
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT, "--rounds", 0), 2, "rounds")
        self.refused(self.verb("profile", "mlp", 2, *FLOAT, "--tensor-parallel", 2, "--batch", 8), 2, "--tensor-parallel")
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT, "--device", "tpu"), 2, "--device", "cpu and cuda")
        # built without it, or with it on a machine that has none
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT, "--device", "cuda"), 1, "cpu")
        (self.folder / "large.json").write_text(json.dumps(GPT | {"n_embd": 16384, "n_head": 128, "n_layer": 96}))
        self.refused(self.verb("profile", "large", 2, *good, *FLOAT), 1, "GiB", "--micro-batch")
        self.assertFalse(self.profile.exists())
        self.profile.write_text("[]")
        self.refused(self.verb("profile", "gpt", 2, *good, *FLOAT), 1, "profile.json")
        self.assertEqual(self.profile.read_text(), "[]")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
