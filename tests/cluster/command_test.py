"""pare cluster as a user meets it: predictions, plans, and one clear line for bad input.

command_test.py PARE CLUSTERS      CLUSTERS: the folder of cluster descriptions
"""
import functools
import json
import pathlib
import sys
import tempfile
import time
import tomllib
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

CLUSTERS = pathlib.Path(sys.argv[2])
GPT = {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16, "vocab_size": 50304, "n_positions": 1024}
GPT3 = {"model_type": "gpt2", "n_embd": 12288, "n_layer": 96, "n_head": 96, "vocab_size": 51200, "n_positions": 2048}
pare = functools.partial(command.pare, "cluster")


class Cluster(command.CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        (cls.folder / "gpt.json").write_text(json.dumps(GPT))
        (cls.folder / "gpt3.json").write_text(json.dumps(GPT3))
        a100 = (CLUSTERS / "dgx-a100-80gb.toml").read_text()
        (cls.folder / "large.toml").write_text(a100.replace("count = 2", "count = 128"))
        (cls.folder / "small.toml").write_text(a100.replace("memory_gib = 80", "memory_gib = 1"))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def candidates(self, run):
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)["candidates"]

    def cost(self, candidate, name):
        return candidate["costs"][name]["value"]

    def test_every_description_is_read(self):
        for path in CLUSTERS.glob("*.toml"):
            nodes = tomllib.loads(path.read_text())["nodes"]
            devices = nodes["count"] * nodes["devices"]
            run = pare("predict", self.folder / "gpt.json", "--cluster", path, "--data-parallel", devices, "--batch", devices,
                       "--precision", "fp16", "--json")
            (one,) = self.candidates(run)
            self.assertGreater(self.cost(one, "flop_utilisation"), 0)
            self.assertLess(self.cost(one, "flop_utilisation"), 1)

    def test_predicts_and_draws_the_timeline(self):
        out = self.folder / "out"
        run = pare("predict", self.folder / "gpt.json", "--cluster", CLUSTERS / "dgx-a100-80gb.toml", "--data-parallel", 2,
                   "--tensor-parallel", 2, "--pipeline-parallel", 4, "--batch", 32, "--schedule", "zb-h1", "-o", out, "--json")
        (one,) = self.candidates(run)
        devices = one["details"]["devices"]
        self.assertEqual(sum(d["parts"] for d in devices), GPT["n_layer"] + 2)
        self.assertEqual(sum(d["devices"] for d in devices), 16)
        events = [e for e in json.loads((out / "trace.json").read_text())["traceEvents"] if e["ph"] == "X"]
        end = max(e["ts"] + e["dur"] for e in events)
        self.assertAlmostEqual(end / 1e6, self.cost(one, "batch_time_s"), places=6)

    def events(self, network, tokens_at_once, *options):
        """What a device of dgx-h100.toml does for one layer's worth of tokens, by name."""
        (self.folder / "one.json").write_text(json.dumps(network))
        (self.folder / "h100.toml").write_text((CLUSTERS / "dgx-h100.toml").read_text().replace("count = 2", "count = 1")
                                               .replace("devices = 8", "devices = 1"))
        batch = tokens_at_once // network["n_positions"]
        run = pare("predict", self.folder / "one.json", "--cluster", self.folder / "h100.toml", "--micro-batch", batch,
                   "--batch", batch, "--no-dropout", "--json", *options)
        (one,) = self.candidates(run)
        return one, {event["event"]: event for event in one["details"]["time_by_event"]["events"]}

    def test_events_that_make_up_a_batch(self):
        one, events = self.events(GPT, 4096)
        self.assertEqual(events["linear forward 4096x1024x4096 bf16"]["count"], 24)
        (device,) = one["details"]["devices"]
        self.assertAlmostEqual(sum(e["seconds"] for e in events.values()), device["busy_s"], 6)
        run = pare("predict", self.folder / "one.json", "--cluster", self.folder / "h100.toml", "--batch", 4, "--events", 3)
        self.assertEqual(run.returncode, 0, run.stderr)
        head, _, *rows = run.stdout.splitlines()[:6]
        self.assertIn("the longest events first", head)
        self.assertIn("cluster predict of", rows[3])
        seconds = [float(row.split()[1]) for row in rows[:3]]
        self.assertEqual(seconds, sorted(seconds, reverse=True))
        self.refused(pare("predict", self.folder / "one.json", "--cluster", self.folder / "h100.toml", "--batch", 4, "--events",
                          -1), 2, "--events")

    def test_network_by_its_folder(self):
        folder = self.folder / "published"
        folder.mkdir()
        arguments = ("--cluster", self.folder / "h100.toml", "--batch", 4, "--json")
        self.refused(pare("predict", folder, *arguments), 1, "config.json")
        (folder / "config.json").write_text((self.folder / "one.json").read_text())
        by_folder, by_file = (json.loads(pare("predict", path, *arguments).stdout) for path in (folder, self.folder / "one.json"))
        self.assertEqual(by_folder["candidates"], by_file["candidates"])

    def test_only_products_run_in_8_bits(self):
        for option in ("--weights", "--gradients"):
            self.refused(pare("predict", self.folder / "one.json", "--cluster", self.folder / "h100.toml", "--batch", 4, option,
                              "fp8"), 2, option, "fp8", "bf16")

    def test_flash_attention_as_published(self):
        # FlashAttention 2 on H100, 16,384 tokens of 16 heads of 128 under a mask, TFLOP/s forward: Shah et al. 2024, figure 5
        for keys, published in {512: 191, 1024: 260, 2048: 298, 4096: 319, 8192: 333, 16384: 335}.items():
            network = {**GPT, "n_embd": 2048, "n_layer": 1, "n_positions": keys}
            _, events = self.events(network, 16384)
            (seconds,) = (e["seconds"] for name, e in events.items() if name.startswith("causal forward"))
            reached = 2 * 16384 * keys * 2048 / seconds / 1e12
            self.assertLess(abs(reached / published - 1), 0.12, keys)

    def test_schedules_of_zero_bubble(self):
        for schedule, chunks in (("zb-h2", 1), ("zb-1p", 1), ("zb-2p", 1), ("zb-v", 2)):
            (one,) = self.candidates(pare("predict", self.folder / "gpt.json", "--cluster", CLUSTERS / "dgx-a100-80gb.toml",
                                          "--data-parallel", 4, "--pipeline-parallel", 4, "--batch", 64, "--post-validation",
                                          "--schedule", schedule, "--json"))
            self.assertEqual((one["decision"]["schedule"], one["decision"]["chunks"]), (schedule, chunks))
            self.assertTrue(all("optimizer" in row for row in one["details"]["timeline"]["rows"]))

    def test_plans_what_predict_predicts(self):
        cluster = CLUSTERS / "dgx-a100-80gb.toml"
        plans = self.candidates(pare("plan", self.folder / "gpt.json", "--cluster", cluster, "--batch", 64, "--json"))
        self.assertEqual(len(plans), 11)
        times = [self.cost(p, "batch_time_s") for p in plans]
        self.assertEqual(times, sorted(times))
        best = plans[0]["decision"]
        flags = ["--zero", str(best["zero"])] + (["--sequence-parallel"] if best["sequence_parallel"] else [])
        flags += ["--shard", str(best["shard"])] if best["zero"] else []
        again = pare("predict", self.folder / "gpt.json", "--cluster", cluster, "--data-parallel", best["data_parallel"],
                     "--tensor-parallel", best["tensor_parallel"], "--pipeline-parallel", best["pipeline_parallel"],
                     "--micro-batch", best["micro_batch"], "--batch", 64, "--schedule", best["schedule"], "--chunks",
                     best["chunks"], "--recompute", best["recompute"], *flags, "--json")
        self.assertEqual(self.cost(self.candidates(again)[0], "batch_time_s"), times[0])
        one = pare("plan", self.folder / "gpt.json", "--cluster", cluster, "--batch", 64, "--json", "--threads", 1).stdout
        two = pare("plan", self.folder / "gpt.json", "--cluster", cluster, "--batch", 64, "--json", "--threads", 2).stdout
        self.assertEqual(one, two)

    def line(self, products):
        """A network of square products, one behind the other."""
        try:
            import numpy
            import onnx
        except ImportError:
            self.skipTest("no onnx")
        weights = [numpy.ones((64, 64), numpy.float32)] * products
        nodes = [onnx.helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(products)]
        value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 64])
        graph = onnx.helper.make_graph(nodes, "line", [value("x0")], [value(f"x{products}")],
                                       [onnx.numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)])
        network = self.folder / f"line{products}.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), network)
        return network

    def test_an_onnx_network(self):
        network, cluster = self.line(8), CLUSTERS / "dgx-a100-80gb.toml"
        run = pare("predict", network, "--cluster", cluster, "--data-parallel", 4, "--pipeline-parallel", 4, "--batch", 64, "--json")
        (one,) = self.candidates(run)
        parts = [d["parts"] for d in one["details"]["devices"]]
        self.assertEqual((sum(parts), parts[-1]), (8, 1))  # the loss takes longer than a product
        self.assertEqual(json.loads(run.stdout)["conditions"]["parameters"], 8 * 64 * 64)
        self.assertIn("samples_per_s", one["costs"])
        self.assertIn("launch", one["details"])
        for pieces in (8, 6):  # of 6, four ranks with two chunks each would be more stages than there are pieces
            for plan in self.candidates(pare("plan", self.line(pieces), "--cluster", cluster, "--batch", 64, "--json")):
                self.assertEqual(plan["decision"]["tensor_parallel"], 1)
                self.assertLessEqual(plan["decision"]["pipeline_parallel"] * plan["decision"]["chunks"], pieces)
        good = ["predict", network, "--cluster", cluster, "--batch", 64]
        self.refused(pare(*good, "--data-parallel", 8, "--tensor-parallel", 2), 2, "--tensor-parallel", "ONNX")
        self.refused(pare(*good, "--data-parallel", 16, "--early-stop"), 2, "--early-stop", "ONNX")
        self.refused(pare(*good, "--data-parallel", 16, "--recipe", self.folder / "none"), 1, "none")
        self.refused(pare("predict", self.folder / "gpt.json", "--cluster", cluster, "--batch", 64, "--recipe", "r"), 2, "--recipe", "ONNX")

    def test_writes_all_or_nothing(self):
        out = self.folder / "blocked"
        (out / "study.json").mkdir(parents=True)
        run = pare("predict", self.folder / "gpt.json", "--cluster", CLUSTERS / "dgx-a100-80gb.toml", "--data-parallel", 16,
                   "--batch", 16, "-o", out)
        self.refused(run, 1, "study.json")
        self.assertEqual([p.name for p in out.iterdir()], ["study.json"])

    def test_a_trace_without_operators(self):
        (self.folder / "empty.json").write_text('{"traceEvents": []}')
        out = self.folder / "empty"
        self.refused(pare("trace", self.folder / "empty.json", "-o", out), 1, "empty.json", "no operators")
        self.assertFalse(out.exists())

    def test_large_runs_take_moments(self):
        start = time.time()
        run = pare("predict", self.folder / "gpt3.json", "--cluster", self.folder / "large.toml", "--data-parallel", 8,
                   "--tensor-parallel", 8, "--pipeline-parallel", 16, "--batch", 1536, "--json")
        self.candidates(run)
        self.quick(time.time() - start, 1)

    def test_says_what_does_not_fit(self):
        run = pare("predict", self.folder / "gpt.json", "--cluster", self.folder / "small.toml", "--data-parallel", 16, "--batch", 16)
        self.assertEqual(run.returncode, 0)
        self.assertIn("GiB too much", run.stdout)
        run = pare("plan", self.folder / "gpt3.json", "--cluster", self.folder / "small.toml", "--batch", 16)
        self.refused(run, 1, "no strategy fits", "GiB")

    def test_bad_input(self):
        gpt, cluster = self.folder / "gpt.json", CLUSTERS / "dgx-a100-80gb.toml"
        good = ["predict", gpt, "--cluster", cluster, "--batch", 16]
        self.refused(pare(*good), 2, "16", "devices")
        self.refused(pare(*good, "--data-parallel", 16, "--batch", 7), 2, "batch")
        self.refused(pare("collective", "sum", "--cluster", cluster, "--bytes", 8), 2, "sum", "all-reduce")
        self.refused(pare(*good, "--data-parallel", 16, "--schedule", "2f2b"), 2, "2f2b", "zb-h1")
        for flags, needed in ((("--sequence-parallel",), "--tensor-parallel"), (("--cast-weights",), "--weights fp32"),
                              (("--fp8-scaling", "current"), "--precision fp8"), (("--shard-unit", "tensor"), "--zero 3")):
            self.refused(pare(*good, "--data-parallel", 16, *flags), 2, flags[0], needed)
        self.refused(pare(*good, "--data-parallel", 8, "--pipeline-parallel", 2, "--chunks", 2), 2, "chunk")
        self.refused(pare(*good, "--data-parallel", 8, "--pipeline-parallel", 2, "--schedule", "zb-v", "--chunks", 3), 2, "chunk")
        self.refused(pare("predict", self.folder / "none.json", "--cluster", cluster, "--batch", 16), 1, "none.json")
        (self.folder / "bad.toml").write_text("[device]\nmatrix_tflops = -3\n")
        self.refused(pare("predict", gpt, "--cluster", self.folder / "bad.toml", "--batch", 16), 1, "line 2", "matrix_tflops")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
