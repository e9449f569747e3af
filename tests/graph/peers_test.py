"""What scipy and numpy write, pare reads as scipy does. Usage: peers_test.py GRAPH_TOOL"""
import gzip
import pathlib
import sys
import unittest

import numpy as np
import scipy.io
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from probe import ToolTest, tool


class Case(ToolTest):
    def read(self, path):
        """The matrix that pare reads, and the lines of vertices."""
        out, error = tool("show", path)
        self.assertEqual(error, "")
        lines = out.split("\n")
        vertices = int(lines[0].split()[-4])
        begin, column = (np.array(line.split(), np.int64) for line in lines[1:3])
        weight = np.array(lines[3].split(), np.float32)
        if not len(weight):
            weight = np.ones(len(column), np.float32)
        return sp.csr_matrix((weight, column, begin), shape=(vertices, vertices)), lines

    def matrix(self, n=60, density=0.05, kind=float):
        a = sp.random(n, n, density, random_state=self.random, format="coo")
        a.data = np.round(a.data * 16 - 8).astype(np.float32) + 0.5 if kind is float else np.ones(a.nnz, np.float32)
        return a

    def same(self, got, expected):
        expected = sp.csr_matrix(expected).astype(np.float32)
        expected.sum_duplicates()
        self.assertEqual(got.shape, expected.shape)
        np.testing.assert_array_equal(got.indptr, expected.indptr)
        np.testing.assert_array_equal(got.indices, expected.indices)
        np.testing.assert_allclose(got.data, expected.data, rtol=1e-6)


class Scipy(Case):
    def test_npz_of_each_format(self):
        for form in ("csr", "csc", "coo"):
            for packed in (True, False):
                for kind in (float, bool):
                    a = self.matrix(kind=kind).asformat(form)
                    sp.save_npz(self.at / "a.npz", a, compressed=packed)
                    self.same(self.read(self.at / "a.npz")[0], a)

    def test_npz_with_duplicates_out_of_order(self):
        rows, columns = self.random.integers(0, 20, (2, 500))
        a = sp.coo_matrix((self.random.integers(1, 5, 500).astype(np.float32), (rows, columns)), shape=(20, 20))
        sp.save_npz(self.at / "a.npz", a)
        self.same(self.read(self.at / "a.npz")[0], a)

    def test_matrix_market_of_each_symmetry(self):
        a = self.matrix().tocsr()
        pattern = a.copy()
        pattern.data[:] = 1
        cases = {"general": a, "symmetric": a + a.T, "skew-symmetric": a - a.T}
        for symmetry, b in cases.items():
            scipy.io.mmwrite(self.at / "a.mtx", b, symmetry=symmetry)
            expected = scipy.io.mmread(self.at / "a.mtx")
            self.same(self.read(self.at / "a.mtx")[0], expected)
            (self.at / "b.mtx.gz").write_bytes(gzip.compress((self.at / "a.mtx").read_bytes()))
            self.same(self.read(self.at / "b.mtx.gz")[0], expected)
        scipy.io.mmwrite(self.at / "a.mtx", pattern, field="pattern", symmetry="general")
        self.same(self.read(self.at / "a.mtx")[0], pattern)
        scipy.io.mmwrite(self.at / "a.mtx", (a * 4).astype(np.int64), field="integer")
        self.same(self.read(self.at / "a.mtx")[0], (a * 4).astype(np.int64))

    def test_what_is_refused(self):
        scipy.io.mmwrite(self.at / "a.mtx", self.matrix().astype(complex))
        self.assertIn("its field is 'complex'", tool("show", self.at / "a.mtx")[1])
        scipy.io.mmwrite(self.at / "a.mtx", np.eye(3))
        self.assertIn("its format is 'array'", tool("show", self.at / "a.mtx")[1])
        cut = self.at / "cut.mtx.gz"
        cut.write_bytes(gzip.compress(b"%%MatrixMarket matrix coordinate real general\n1 1 0\n")[:-9])
        self.assertIn("ends too early", tool("show", cut)[1])
        for form in ("bsr", "dia"):
            sp.save_npz(self.at / "a.npz", self.matrix().asformat(form))
            self.assertIn(f"format '{form}'", tool("show", self.at / "a.npz")[1])

    def test_written_again(self):
        a = self.matrix()
        sp.save_npz(self.at / "a.npz", a)
        tool("rewrite", self.at / "a.npz", self.at / "b.npz")
        with np.load(self.at / "b.npz") as b:
            back = sp.csr_matrix((b["adj_data"], b["adj_indices"], b["adj_indptr"]), b["adj_shape"])
        self.same(back, a)


class Lists(Case):
    def test_edge_index(self):
        ends = self.random.integers(0, 30, (2, 200))
        weight = self.random.integers(1, 9, 200) / 2
        features = self.random.standard_normal((35, 4)).astype(np.float32)
        mask = np.arange(35) < 9
        np.savez_compressed(self.at / "g.npz", edge_index=ends, edge_weight=weight, x=features, y=np.arange(35) % 3,
                            train_mask=mask, val_mask=np.roll(mask, 9), test_mask=np.roll(mask, 18))
        got, lines = self.read(self.at / "g.npz")
        self.same(got, sp.coo_matrix((weight, (ends[1], ends[0])), shape=(35, 35)))
        np.testing.assert_array_equal(np.array(lines[4].split(), int), np.arange(35) % 3)
        np.testing.assert_array_equal(np.array(lines[7].split(), int), np.arange(18, 27))
        np.testing.assert_allclose(np.array(lines[8].split(), np.float32), features.ravel(), rtol=1e-6)

    def test_text(self):
        ends = self.random.integers(0, 30, (200, 2))
        for text in ({"delimiter": " "}, {"delimiter": ","}, {"delimiter": "\t", "header": "source target"}):
            np.savetxt(self.at / "g.edges", ends, fmt="%d", **text)
            n = ends.max() + 1
            self.same(self.read(self.at / "g.edges")[0], sp.coo_matrix((np.ones(200), (ends[:, 1], ends[:, 0])), (n, n)))


class Orders(Case):
    def test_bandwidth_against_scipy(self):
        """Reverse Cuthill-McKee, as narrow as scipy's, within a few in a hundred over several matrices."""
        ours = theirs = 0
        for _ in range(8):
            a = self.matrix(400, 0.006)
            a = sp.csr_matrix(a + a.T)
            sp.save_npz(self.at / "a.npz", a)
            new_of = np.array(tool("order", self.at / "a.npz", "rcm", 16)[0].split("\n")[0].split(), int)
            self.assertEqual(sorted(new_of), list(range(400)))
            place = np.empty(400, int)
            place[reverse_cuthill_mckee(a, symmetric_mode=True)] = np.arange(400)
            rows, columns = a.nonzero()
            ours += abs(new_of[rows] - new_of[columns]).max()
            theirs += abs(place[rows] - place[columns]).max()
        self.assertLess(ours, 1.1 * theirs)


if __name__ == "__main__":
    unittest.main()
