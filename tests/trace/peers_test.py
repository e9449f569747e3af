"""pare cluster trace beside torch's own sums of the same runs, and on Chakra traces written here byte by byte.

peers_test.py PARE
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch
from torch.profiler import ProfilerActivity, profile

import chakra_writer as chakra

PARE = sys.argv[1]


def pare(*arguments):
    command = [PARE, "cluster", "trace", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


class Case(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)

    def read(self, *arguments):
        run = pare(*arguments, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)["candidates"][0]["details"]

    def refused(self, path, *words):
        run = pare(path)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)


def training_step():
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    table = torch.nn.Embedding(100, 64)
    optimizer = torch.optim.Adam([*layer.parameters(), *table.parameters()])

    def step():
        layer(table(torch.randint(0, 100, (4, 16)))).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def transformer_step():
    """Two samples of 8 tokens through a layer of width 16 and 4 heads."""
    linear, norm = torch.nn.Linear, torch.nn.LayerNorm(16)
    qkv, out, up, down, table = linear(16, 48), linear(16, 16), linear(16, 64), linear(64, 16), torch.nn.Embedding(100, 16)

    def step():
        x = table(torch.randint(0, 100, (2, 8)))
        q, k, v = (part.view(2, 8, 4, 4).transpose(1, 2) for part in qkv(norm(x)).chunk(3, -1))
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + out(mixed.transpose(1, 2).reshape(2, 8, 16))
        (x + down(torch.nn.functional.gelu(up(x)))).square().mean().backward()

    return step


class Kineto(Case):
    def record(self, step=None):
        step = step or training_step()
        step()
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as recorded:
            step()
            step()
        path = self.folder / "trace.json"
        recorded.export_chrome_trace(str(path))
        return path, recorded

    def test_sums_are_those_of_torch(self):
        path, recorded = self.record()
        torch_says, pare_says = collections.Counter(), collections.Counter()
        counts = collections.Counter()
        for row in recorded.key_averages(group_by_input_shape=True):
            torch_says[row.key, str(row.input_shapes).replace(" ", "")] += row.self_cpu_time_total
        for row in self.read(path)["operators"]:
            key = row["name"], row["shapes"] or "[]"
            pare_says[key] += row["own"]["total_s"] * 1e6
            counts[row["name"]] += row["count"]
        # torch joins an operator and the only one that it calls, where they have one name: those by name alone
        joined = {name for name, _ in set(torch_says) ^ set(pare_says)}
        self.assertLess(len(joined), 3)
        self.assertGreater(len(torch_says), 100)

        def by(key):
            return (key[0], "") if key[0] in joined else key
        sums = collections.defaultdict(lambda: [0, 0])
        for i, says in enumerate((torch_says, pare_says)):
            for key, us in says.items():
                sums[by(key)][i] += us
        for key, (one, other) in sums.items():
            self.assertAlmostEqual(one, other, delta=0.004 * counts[key[0]], msg=str(key))  # the file has whole ns

    def test_phases(self):
        path, _ = self.record()
        phases = collections.defaultdict(set)
        for row in self.read(path)["operators"]:
            phases[row["name"]].add(row["phase"])
        self.assertEqual(phases["aten::native_layer_norm"], {"forward"})
        self.assertEqual(phases["aten::native_layer_norm_backward"], {"backward"})
        self.assertEqual(phases["aten::addcdiv_"], {"update"})

    def test_profile(self):
        path, recorded = self.record(transformer_step())
        details = self.read(path, "-o", self.folder / "out")
        profile = json.loads((self.folder / "out" / "profile.json").read_text())
        linear = [f"linear {direction} 16x{sizes} fp32" for direction in ("forward", "backward", "weight")
                  for sizes in ("16x48", "16x16", "16x64", "64x16")]
        others = ["normalise forward 16x16", "normalise backward 16x16", "activation forward 1024",
                  "activation backward 1024", "causal forward 8x8x8x4", "causal backward 8x8x8x4", "embedding forward 16x16",
                  "embedding weight 16x16"]
        self.assertEqual(set(profile["operations"]), {*linear, *(f"{key} fp32" for key in others)})
        gelu = [row.cpu_time_total / row.count for row in recorded.key_averages() if row.key == "aten::gelu"]
        self.assertAlmostEqual(profile["operations"]["activation forward 1024 fp32"]["seconds"], gelu[0] * 1e-6, places=8)
        everything = sum(row["own"]["total_s"] for row in details["operators"])
        told = details["profile"]["mapped_s"] + details["profile"]["unmapped_s"]
        self.assertAlmostEqual(told, everything, places=7)  # nothing is lost between the two

    def test_gzip_is_the_same(self):
        path, _ = self.record()
        packed = self.folder / "trace.json.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        self.assertEqual(self.read(path), self.read(packed))
        packed.write_bytes(gzip.compress(path.read_bytes())[:-2000])
        self.refused(packed, "ends too early")

    def test_one_line_for_bad_files(self):
        path, _ = self.record()
        whole = path.read_bytes()
        for part in (0.1, 0.5, 0.99):
            path.write_bytes(whole[: int(len(whole) * part)])
            self.refused(path, "trace.json: byte", "cut off")
        self.refused(self.folder / "none.json", "none.json: cannot be read")

    def test_collectives_take_the_least_of_the_ranks(self):
        run = [subprocess.Popen([sys.executable, __file__, "--rank", str(rank), str(self.folder)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for rank in range(2)]
        self.assertEqual([process.wait() for process in run], [0, 0])
        ranks = [self.folder / f"rank{rank}.json" for rank in range(2)]
        expected = collections.defaultdict(list)
        for path in ranks:
            met = sorted((e for e in json.loads(path.read_text())["traceEvents"] if str(e["name"]).startswith("gloo:")),
                         key=lambda e: e["ts"])
            expected[path] = [e["dur"] * 1e-6 for e in met]
        least = list(map(min, zip(*expected.values())))
        (row,) = self.read(*ranks)["collectives"]
        self.assertEqual((row["kind"], row["bytes"], row["ranks"], row["count"]), ("all-reduce", 4000, 2, 5))
        self.assertAlmostEqual(row["time"]["total_s"], sum(least), places=9)
        self.assertEqual(row["seen_by_one_rank"], 0)
        (row,) = self.read(ranks[0])["collectives"]
        self.assertEqual(row["seen_by_one_rank"], 5)
        run = pare(ranks[0], ranks[0])
        self.assertEqual(run.returncode, 1)
        self.assertIn("is of rank 0, as is", run.stderr)


class Chakra(Case):
    def write(self, *nodes, name="rank0.et"):
        path = self.folder / name
        path.write_bytes(chakra.trace(*nodes))
        return path

    def operators(self, *paths):
        return {row["name"]: row for row in self.read(*paths)["operators"]}

    def test_kernels_are_their_operators_time(self):
        for packed in (True, False):
            path = self.write(
                chakra.node(1, "aten::mm", us=9, shapes="[[4, 8], [8, 2]]", types="['Tensor(float)', 'Tensor(float)']",
                            is_cpu_op=True, packed=packed),
                chakra.node(2, "gemm", us=30, control=[1], is_cpu_op=False, packed=packed),
                chakra.node(3, "gemm", us=50, control=[1], data=[2], is_cpu_op=False, packed=packed),
                chakra.node(4, "fill", us=7, data=[3], is_cpu_op=False, packed=packed))
            operators = self.operators(path)
            self.assertEqual(set(operators), {"aten::mm", "fill"})
            mm = operators["aten::mm"]
            self.assertAlmostEqual(mm["own"]["total_s"], 80e-6)
            self.assertEqual((mm["shapes"], mm["types"]), ("[[4,8],[8,2]]", "[float,float]"))
            self.assertAlmostEqual(operators["fill"]["own"]["total_s"], 7e-6)

    def test_pieces_are_one_operator(self):
        path = self.write(chakra.node(1, "aten::mul(0)", us=3, rf_id=5, is_cpu_op=True),
                          chakra.node(2, "aten::mul(1)", us=4, data=[1], rf_id=5, is_cpu_op=True),
                          chakra.node(3, "aten::mul(0)", us=8, data=[2], rf_id=6, is_cpu_op=True))
        row = self.operators(path)["aten::mul"]
        self.assertEqual(row["count"], 2)
        self.assertAlmostEqual(row["own"]["total_s"], 15e-6)

    def test_collectives_take_the_least_of_the_ranks(self):
        def rank(us):
            return [chakra.node(i, "all-gather", chakra.COLLECTIVE, us=t, start=i, is_cpu_op=False, pg_name="0",
                                comm_type=chakra.ALL_GATHER, comm_size=1000) for i, t in enumerate(us)]
        paths = [self.write(*rank(us), name=f"rank{i}.et") for i, us in enumerate([(9, 2, 7), (3, 8, 7), (4, 5, 6)])]
        (row,) = self.read(*paths)["collectives"]
        self.assertEqual((row["kind"], row["ranks"], row["bytes"], row["count"]), ("all-gather", 3, 3000, 3))
        self.assertAlmostEqual(row["time"]["total_s"], (3 + 2 + 6) * 1e-6)

    def test_gzip_is_the_same(self):
        path = self.write(chakra.node(1, "a", us=9, is_cpu_op=True))
        packed = self.folder / "rank0.et.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        self.assertEqual(self.read(path), self.read(packed))

    def test_a_file_twice_is_no_second_rank(self):
        path = self.write(chakra.node(1, "a", us=9, is_cpu_op=True))
        done = subprocess.run([PARE, "cluster", "trace", path, path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("give each rank's trace once", done.stderr)

    def test_what_is_left_out_is_said(self):
        path = self.write(chakra.node(1, "a", is_cpu_op=False), chakra.node(2, "b", us=1, control=[99], is_cpu_op=False),
                          chakra.node(3, "c", chakra.COLLECTIVE, us=1, is_cpu_op=False, comm_type=77))
        details = self.read(path)
        self.assertEqual(details["events_without_time"], 1)
        self.assertEqual(details["dependencies_not_there"], 1)
        self.assertEqual(details["collectives_without_size"], 1)

    def test_wrong_graphs(self):
        self.refused(self.write(chakra.node(1, "a", data=[2]), chakra.node(2, "b", control=[1])),
                     "depend on themselves: 1 on 2 on 1", "no cycles")
        self.refused(self.write(chakra.node(1, "a", control=[1])), "depend on themselves: 1 on 1")
        self.refused(self.write(chakra.node(1, "a", data=[7])), "node 1 needs the data of node 7")
        self.refused(self.write(chakra.node(1, "a"), chakra.node(1, "b")), "two nodes have the id 1")

    def test_damaged_files(self):
        def write(data):
            path = self.folder / "bad.et"
            path.write_bytes(data)
            return path
        whole = chakra.trace(chakra.node(1, "aten::mm", us=9, is_cpu_op=True))
        start = len(chakra.trace())
        for size in range(1, len(whole)):
            if size not in (start, 0):
                self.refused(write(whole[:size]), "bad.et: ends within")
        self.refused(write(b""), "is empty")
        self.refused(write(b"\xef\xbb\xbf{}"), "byte order mark")
        self.refused(write(chakra.trace() + chakra.varint(1 << 40) + b"x"), "message of 1099511627776 bytes")
        self.refused(write(chakra.trace() + b"\xff" * 12), "is no number")
        self.refused(write(chakra.trace(chakra.text(1, "one") + chakra.text(2, "a"))), "message 1: 'id' is of another type")
        self.refused(write(chakra.trace(chakra.number(1, 1) + chakra.text(7, "long"))), "'duration_us' is of another type")
        self.refused(write(chakra.trace(chakra.number(1, 1) + chakra.number(8, 3))), "'inputs' is of another type")
        self.refused(write(chakra.trace(b"\x0f\xff\xff")), "message 1 cannot be read")


def rank_of_two(rank, folder):
    """A rank that all-reduces, and comes early or late."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    data = torch.ones(1000)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as recorded:
        for i in range(5):
            if i % 2 == rank:
                torch.randn(400, 400) @ torch.randn(400, 400)
            torch.distributed.all_reduce(data)
    recorded.export_chrome_trace(f"{folder}/rank{rank}.json")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1] == "--rank":
        rank_of_two(int(sys.argv[2]), sys.argv[3])
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
