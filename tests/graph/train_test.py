"""pare graph train as a user meets it: on small graphs, by two ranks as by one, and one clear line for bad input."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from command import PARE, CommandTest, pare, ranks

sys.argv.pop(1)
ASSETS = os.environ.get("PARE_ASSETS")


def communities(path, n=240, classes=3, seed=0, **changes):
    """Vertices mostly joined to their own class, with words of it: arrays of the gnn-benchmark format."""
    random = np.random.default_rng(seed)
    labels = np.sort(random.integers(0, classes, n))
    near = random.random((n, n)) < np.where(labels[:, None] == labels[None, :], 0.06, 0.005)
    near = np.triu(near, 1)
    adjacency = (near | near.T).astype(np.float32)
    words = (random.random((n, 8 * classes)) < np.where(np.repeat(np.arange(classes), 8) == labels[:, None], 0.3, 0.1))
    arrays = {"labels": labels.astype(np.int64)}
    for name, full in (("adj", adjacency), ("attr", words.astype(np.float32))):
        arrays[f"{name}_indptr"] = np.concatenate([[0], np.cumsum((full != 0).sum(1))]).astype(np.int32)
        arrays[f"{name}_indices"] = np.nonzero(full)[1].astype(np.int32)
        arrays[f"{name}_data"] = full[full != 0]
        arrays[f"{name}_shape"] = np.array(full.shape)
    arrays.update(changes)
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})


def rings_and_stars(path, count=40, seed=0):
    """A union of small graphs, half of them rings and half stars: to be told apart by their degrees."""
    random = np.random.default_rng(seed)
    sources, targets, ids, labels = [], [], [], np.arange(count) % 2
    for graph, label in enumerate(labels):
        n, first = int(random.integers(5, 12)), len(ids)
        a = np.arange(n) if label == 0 else np.zeros(n - 1, int)
        b = (np.arange(n) + 1) % n if label == 0 else np.arange(1, n)
        sources += list(first + np.concatenate([a, b]))
        targets += list(first + np.concatenate([b, a]))
        ids += [graph] * n
    np.savez(path, edge_index=np.array([sources, targets]), graph_ids=np.array(ids), graph_labels=labels)


def study(run):
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


class Train(CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.graph = cls.folder / "communities.npz"
        communities(cls.graph)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_all_models(self):
        out = self.folder / "out"
        run = study(pare("graph", "train", self.graph, "--model", "gcn,sage,gat,gin", "--epochs", 30, "--seeds", 2,
                         "--hidden", 8, "--json", "-o", out))
        self.assertEqual(run, json.loads((out / "study.json").read_text()))
        self.assertEqual([c["name"] for c in run["candidates"]], ["gcn", "sage", "gat", "gin"])
        for c in run["candidates"]:
            self.assertEqual(set(c["costs"]), {"test_accuracy", "validation_accuracy", "epoch_ms", "seconds", "feature_bytes"})
            self.assertGreater(c["costs"]["test_accuracy"]["value"], 60, c["name"])
            tests = [r["test_accuracy"] for r in c["details"]["runs"]]
            self.assertAlmostEqual(c["costs"]["test_accuracy"]["value"], np.mean(tests))
            self.assertAlmostEqual(c["costs"]["test_accuracy"]["spread"], np.std(tests, ddof=1))
            for r in c["details"]["runs"]:
                self.assertEqual(len(r["curve"]["validation_loss"]), r["epochs"])
        best = max(run["candidates"], key=lambda c: c["costs"]["validation_accuracy"]["value"])
        self.assertEqual(run["chosen"], best["name"])
        page = pare("report", out / "study.json", "-o", self.folder / "page")
        self.assertEqual(page.returncode, 0, page.stderr)
        html = next((self.folder / "page").glob("*.html")).read_text()
        for words in ("Networks on a graph", "Accuracy while learning", "Loss while learning"):
            self.assertIn(words, html)

    def test_features_in_few_bits(self):
        dense, random = self.folder / "dense.npz", np.random.default_rng(1)
        labels = np.sort(random.integers(0, 3, 240))
        x = (np.eye(3)[labels] @ random.normal(size=(3, 20)) + random.normal(size=(240, 20))) * 0.3
        communities(dense, x=x.astype(np.float32), **{f"attr_{k}": None for k in ("indptr", "indices", "data", "shape")})
        arguments = ("graph", "train", dense, "--seeds", 3, "--epochs", 40, "--json")
        run = study(pare(*arguments, "--features", "float32,int8,flint4", "--model", "gcn,sage"))
        names = [f"{model}{kept}" for model in ("gcn", "sage") for kept in ("", " int8", " flint4")]
        self.assertEqual([c["name"] for c in run["candidates"]], names)
        cost = lambda c, name: c["costs"][name]["value"]
        for c, bits in zip(run["candidates"], (32, 8, 4) * 2):
            self.assertEqual(cost(c, "feature_bytes"), 240 * 20 * bits // 8 + (4 * 20 if bits < 32 else 0))
            self.assertGreater(cost(c, "test_accuracy"), 60)
        curves = [c["details"]["runs"][0]["curve"] for c in run["candidates"][:3]]
        self.assertEqual(run["candidates"][1]["decision"]["features"], "int8")
        self.assertNotEqual(curves[0], curves[1])  # rounded they were
        np.testing.assert_allclose(curves[0]["training_loss"], curves[1]["training_loss"], atol=0.05)
        self.refused(pare(*arguments, "--features", "uint8"), 1, "uint8", "negative", "signed")
        self.refused(pare(*arguments, "--features", "int8,int8"), 2, "gcn int8", "twice")
        self.refused(pare(*arguments, "--features", "half"), 2, "half")
        bare = self.folder / "bare.npz"
        communities(bare, **{f"attr_{k}": None for k in ("indptr", "indices", "data", "shape")})
        self.refused(pare("graph", "train", bare, "--features", "int8"), 2, "--features", "no features")

    def test_repeats(self):
        arguments = ("graph", "train", self.graph, "--epochs", 8, "--fanout", "4,4", "--batch", 20, "--json")
        curves = [study(pare(*arguments, "--seed", s))["candidates"][0]["details"]["runs"][0]["curve"]
                  for s in (1, 1, 2)]
        self.assertEqual(curves[0], curves[1])
        self.assertNotEqual(curves[0], curves[2])

    def sound_ranks(self, arguments, count):
        done = ranks([arguments] * count)
        for code, _, errors in done:
            self.assertEqual(code, 0, errors)
        return [stdout for _, stdout, _ in done]

    def test_two_ranks_train_as_one(self):
        arguments = ("graph", "train", self.graph, "--model", "sage", "--epochs", 6, "--fanout", "5,5", "--batch", 16,
                     "--dropout", 0, "--threads", 1, "--json")
        one = study(pare(*arguments))
        first, second = self.sound_ranks(arguments, 2)
        self.assertEqual(second, "")  # one of them tells
        two = json.loads(first)
        self.assertEqual((one["conditions"]["ranks"], two["conditions"]["ranks"]), (1, 2))
        curve = lambda s, key: s["candidates"][0]["details"]["runs"][0]["curve"][key]
        np.testing.assert_allclose(curve(two, "training_loss"), curve(one, "training_loss"), atol=2e-4)
        np.testing.assert_allclose(curve(two, "validation_loss"), curve(one, "validation_loss"), atol=2e-4)

    def test_ranks_of_batch_normalisation_stop_together(self):
        arguments = ("graph", "train", self.graph, "--model", "gin", "--epochs", 60, "--patience", 2, "--seeds", 3,
                     "--threads", 1, "--json")
        first, second = self.sound_ranks(arguments, 2)
        self.assertEqual(second, "")
        self.assertTrue(any(run["epochs"] < 60 for run in json.loads(first)["candidates"][0]["details"]["runs"]))

    def test_ranks_must_agree(self):
        other = self.folder / "other.npz"
        communities(other, labels=np.zeros(240, np.int64))
        arguments = ("graph", "train", self.graph, "--epochs", 3, "--batch", 16)
        for second in ((*arguments, "--seed", 7), (*arguments, "--hidden", 5), ("graph", "train", other, *arguments[3:])):
            for code, _, errors in ranks([arguments, second]):
                self.assertEqual(code, 1)
                self.assertIn("graph and options: differ between ranks", errors)

    def test_a_rank_alone_can_be_interrupted(self):
        alone = subprocess.Popen([PARE, "graph", "train", self.graph], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                                      "MASTER_PORT": "29393"})
        time.sleep(4)
        alone.send_signal(signal.SIGINT)
        _, errors = alone.communicate(timeout=60)
        self.assertEqual(alone.returncode, 1)
        self.assertIn("interrupted", errors)

    def test_refusals_come_before_training(self):
        path = self.folder / "negative.npz"
        communities(path)
        data = dict(np.load(path))
        data["attr_data"] = -data["attr_data"] if "attr_data" in data else -np.ones(len(data["attr_indices"]), np.float32)
        np.savez(path, **data)
        started = time.monotonic()
        self.refused(pare("graph", "train", path, "--epochs", 100000, "--patience", 0, "--features", "float32,uint4"), 1,
                     "uint4", "negative")
        self.assertLess(time.monotonic() - started, 60)

    def test_the_model_of_whole_graphs(self):
        union = self.folder / "union.npz"
        rings_and_stars(union)
        run = study(pare("graph", "train", union, "--epochs", 1, "--folds", 2, "--json"))
        self.assertEqual(run["candidates"][0]["name"], "gin")

    def test_ranks_share_folds(self):
        union = self.folder / "union.npz"
        rings_and_stars(union)
        arguments = ("graph", "train", union, "--model", "gin", "--epochs", 4, "--folds", 5, "--hidden", 8, "--threads", 1,
                     "--protocol", "nested", "--json")
        one = study(pare(*arguments))
        first, second, third = self.sound_ranks(arguments, 3)  # two, two and one fold
        self.assertEqual((second, third), ("", ""))
        runs = lambda s: [{k: v for k, v in r.items() if k not in ("epoch_ms", "seconds")}
                          for r in s["candidates"][0]["details"]["runs"]]
        self.assertEqual(runs(json.loads(first)), runs(one))
        for run in json.loads(first)["candidates"][0]["details"]["runs"]:
            self.assertGreater(run["epoch_ms"], 0)

    def test_means_of_drawn_neighbours(self):
        path, n = self.folder / "alike.npz", 60  # all features are equal, so all means are, whoever is drawn
        labels = np.arange(n) % 2
        ends = np.array([(v, (v + k) % n) for v in range(n) for k in range(1, 21)]).T
        np.savez(path, edge_index=ends, x=np.ones((n, 4), np.float32), y=labels)
        losses = [study(pare("graph", "train", path, "--model", "sage", "--dropout", 0, "--epochs", 1, "--fanout", fanout, "--json"))
                  ["candidates"][0]["details"]["runs"][0]["curve"]["training_loss"][0] for fanout in ("0,0", "10,10", "1,2")]
        np.testing.assert_allclose(losses, losses[0], rtol=1e-4)

    def test_torchrun(self):
        torchrun = pathlib.Path(sys.executable).parent / "torchrun"
        if not torchrun.exists():
            self.skipTest("no torchrun")
        run = subprocess.run(
            [torchrun, "--standalone", "--no-python", "--nproc-per-node", "2", PARE, "graph", "train", self.graph,
             "--epochs", "3", "--batch", "16", "--json"], capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(json.loads(run.stdout)["conditions"]["ranks"], 2)

    def test_refused(self):
        bad = self.folder / "bad.npz"
        train = lambda *more: pare("graph", "train", bad, "--epochs", 2, *more)
        communities(bad, labels=None)
        self.refused(train(), 1, "labels")
        communities(bad, train_ids=np.array([0, 1]), val_ids=np.array([2]))
        self.refused(train(), 1, "test")
        communities(bad)
        self.refused(train("--model", "gnn"), 2, "gnn", "gcn, gin, sage, gat")
        communities(bad, x=np.where(np.arange(240)[:, None] == 5, 3e38, 1).repeat(8, 1).astype(np.float32), train_ids=np.array([0, 239]),
                    val_ids=np.array([5]), test_ids=np.array([9]), adj_indices=None, adj_indptr=None, adj_data=None, adj_shape=None,
                    edge_index=np.zeros((2, 0), np.int64), **{f"attr_{k}": None for k in ("indptr", "indices", "data", "shape")})
        for model in ("gcn", "sage", "gat", "gin"):
            self.refused(pare("graph", "train", bad, "--epochs", 1, "--model", model), 1, "diverged", "--rate")
        communities(bad)
        self.refused(train("--model", "gcn,gcn"), 2, "twice")
        self.refused(train("--fanout", "3"), 2, "--fanout", "2 layers")
        self.refused(train("--dropout", "1.5"), 2, "--dropout")
        self.refused(train("--dropout", "nan"), 2, "--dropout", "nan is no number")
        self.refused(train("--seed", "-1"), 2, "--seed", "-1 is below 0")
        self.refused(train("--device", "mps"), 2, "--device", "cpu and cuda")
        self.refused(train("--model", "gcn", "--heads", 3), 2, "--heads", "gat")
        self.refused(train("--aggregator", "max"), 2, "--aggregator", "sage")
        self.refused(train("--folds", 3), 2, "--folds", "whole graphs")
        union = self.folder / "refused.npz"
        rings_and_stars(union, count=8)
        nested = pare("graph", "train", union, "--model", "gin", "--epochs", 2, "--folds", 2, "--protocol", "nested")
        self.refused(nested, 2, "--folds", "3 or more")
        self.refused(train("--fanout", "x"), 2, "--fanout")
        self.refused(pare("graph", "train", self.folder / "none.npz"), 1, "none.npz")
        (self.folder / "cut.npz").write_bytes(bad.read_bytes()[:5000])
        self.refused(pare("graph", "train", self.folder / "cut.npz"), 1, "cut.npz")
        wrong = {**os.environ, "RANK": "0", "WORLD_SIZE": "2"}
        for changes, word in ({}, "MASTER_ADDR"), ({"WORLD_SIZE": "x"}, "WORLD_SIZE"), ({"RANK": "2"}, "RANK"):
            run = subprocess.run([PARE, "graph", "train", bad], capture_output=True, text=True, env={**wrong, **changes})
            self.refused(run, 1, word)

    def test_cora(self):
        if not ASSETS:
            print("test_cora is skipped: PARE_ASSETS is not set", file=sys.stderr)
            self.skipTest("PARE_ASSETS is not set")
        run = study(pare("graph", "train", pathlib.Path(ASSETS) / "graphs" / "cora.npz", "--seeds", 3, "--json"))
        self.assertGreater(run["candidates"][0]["costs"]["test_accuracy"]["value"], 79.5)


if __name__ == "__main__":
    unittest.main()
