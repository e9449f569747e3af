"""pare cluster plan as a user meets it: objectives, and what the report draws.

plan_test.py PARE CLUSTERS      CLUSTERS: the folder of cluster descriptions
"""
import json
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from command import CommandTest, pare

CLUSTERS = pathlib.Path(sys.argv[2])
GPT = {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16, "vocab_size": 50304, "n_positions": 1024}
GPT3 = {"model_type": "gpt2", "n_embd": 12288, "n_layer": 96, "n_head": 96, "vocab_size": 51200, "n_positions": 2048}


class Plan(CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        (cls.folder / "gpt.json").write_text(json.dumps(GPT))
        (cls.folder / "gpt3.json").write_text(json.dumps(GPT3))
        a100 = (CLUSTERS / "dgx-a100-80gb.toml").read_text()
        for name, count in (("four", 4), ("large", 64)):
            nodes = f"count = {count}\nprice_per_device_hour = 2"
            (cls.folder / f"{name}.toml").write_text(a100.replace("count = 2", nodes))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def plan(self, *options, network="gpt", cluster="four", batch=64):
        run = pare("cluster", "plan", self.folder / f"{network}.json", "--cluster", self.folder / f"{cluster}.toml", "--batch",
                   batch, "--json", *options)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def costs(self, study, name):
        return [candidate["costs"][name]["value"] for candidate in study["candidates"]]

    def test_each_objective_has_its_best(self):
        fast, cheap, small = (self.plan("--objective", o) for o in ("time", "money", "memory"))
        for study, cost in ((fast, "batch_time_s"), (cheap, "price_per_billion_tokens"), (small, "peak_bytes")):
            self.assertEqual(self.costs(study, cost), sorted(self.costs(study, cost)))
            for other in (fast, cheap, small):
                self.assertLessEqual(self.costs(study, cost)[0], self.costs(other, cost)[0] * (1 + 1e-12))
            self.assertLess(study["conditions"]["pipelines_run"], study["conditions"]["feasible"])
        # links across nodes cost time: the cheapest run is on one of them
        decision = cheap["candidates"][0]["decision"]
        self.assertEqual(decision["data_parallel"] * decision["tensor_parallel"] * decision["pipeline_parallel"], 8)

    def test_money_needs_a_price(self):
        run = pare("cluster", "plan", self.folder / "gpt.json", "--cluster", CLUSTERS / "dgx-a100-80gb.toml", "--batch", 64,
                   "--objective", "money")
        self.assertEqual(run.returncode, 1)
        self.assertIn("price_per_device_hour", run.stderr)
        run = pare("cluster", "plan", self.folder / "gpt.json", "--cluster", self.folder / "four.toml", "--batch", 64,
                   "--objective", "fame")
        self.assertEqual(run.returncode, 2)
        self.assertIn("time, money, memory", run.stderr)

    def test_large_searches_take_moments(self):
        start = time.time()
        study = self.plan(network="gpt3", cluster="large", batch=1536)
        self.quick(time.time() - start, 30)
        self.assertGreater(study["conditions"]["strategies"], 3000)

    def test_the_report_draws_the_best(self):
        out = self.folder / "out"
        self.plan("-o", out)
        study = json.loads((out / "study.json").read_text())
        self.assertEqual([("timeline" in c["details"]) for c in study["candidates"]], [True] + [False] * 10)
        self.assertLess((out / "study.json").stat().st_size, 300_000)
        run = pare("report", out / "study.json", "-o", out)
        self.assertEqual(run.returncode, 0, run.stderr)
        page = (out / "report.html").read_text()
        for title in ("Timeline of one replica", "What the ranks do with the time of a batch", "Memory of a device, by rank"):
            self.assertIn(title, page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
