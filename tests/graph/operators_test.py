"""The operators from Python, as users' own modules call them: against torch's sparse and dense products, values and
gradients, and bad input as one exception."""
import copy
import io
import sys
import unittest

import torch

torch.ops.load_library(sys.argv.pop(1))
ops = torch.ops.pare


def matrix(rows, columns, density, seed):
    """A random matrix in full, and its handle."""
    random = torch.Generator().manual_seed(seed)
    full = torch.rand(rows, columns, generator=random) * (torch.rand(rows, columns, generator=random) < density)
    sparse = full.to_sparse_csr()
    handle = torch.classes.pare.Propagation(sparse.crow_indices(), sparse.col_indices(), columns, sparse.values())
    return full, handle


class Layer(torch.nn.Module):
    """A layer as a user would write it."""

    def __init__(self, width, out):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(width, out))
        self.bias = torch.nn.Parameter(torch.randn(out))

    def forward(self, handle, x):
        return ops.aggregate_sum(x @ self.weight, handle, bias=self.bias, relu=True)


class Sums(torch.utils.data.Dataset):
    """Each a sum of its own."""

    def __init__(self, handle):
        self.handle = handle

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index >= 4:
            raise IndexError
        return ops.aggregate_sum(torch.full((3000, 8), float(index)), self.handle)


class Operators(unittest.TestCase):
    def same(self, got, wanted):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)

    def test_layer(self):
        full, handle = matrix(70, 50, 0.1, 1)
        self.assertEqual((handle.rows(), handle.columns(), handle.nonzeros()), (70, 50, int((full != 0).sum())))
        torch.manual_seed(2)
        layer, x = Layer(9, 16), torch.randn(50, 9, requires_grad=True)
        inputs = [x, *layer.parameters()]
        direction = torch.randn(70, 16)
        y = layer(handle, x)
        wanted = torch.relu(full @ (x @ layer.weight) + layer.bias)
        self.same(y, wanted)
        for got, right in zip(torch.autograd.grad(y, inputs, direction), torch.autograd.grad(wanted, inputs, direction)):
            self.same(got, right)

    def test_mean_max_and_attention(self):
        full, handle = matrix(40, 40, 0.2, 3)
        there = full != 0
        x = torch.randn(40, 12, requires_grad=True)
        degrees = there.sum(1, keepdim=True).clamp(min=1)
        self.same(ops.aggregate_mean(x, handle), full @ x / degrees)
        most = torch.where(there.unsqueeze(2), x.unsqueeze(0), -torch.inf).amax(1)
        self.same(ops.aggregate_max(x, handle), torch.where(there.any(1, keepdim=True), most, 0.0))

        scores = ops.edge_dots(x, x, handle, 1)
        p = ops.edge_softmax(scores, handle)
        y = ops.aggregate_sum(x, handle, edge=p)
        wanted = torch.nan_to_num(torch.softmax((x @ x.T).masked_fill(~there, -torch.inf), 1)) @ x
        self.same(y, wanted)
        direction = torch.randn(40, 12)
        self.same(torch.autograd.grad(y, x, direction)[0], torch.autograd.grad(wanted, x, direction)[0])

    def test_negative_views_and_fake_tensors(self):
        a = torch.classes.pare.Propagation(torch.tensor([0, 2]), torch.tensor([0, 1]), 2, None)
        x = torch.tensor([[1.0], [5.0]])
        negative = torch._neg_view(x)
        self.assertTrue(negative.is_neg())
        self.assertEqual(torch.ops.pare.aggregate_sum(negative, a).item(), -6)
        self.assertEqual(torch.ops.pare.aggregate_max(negative, a).item(), -1)
        with torch._subclasses.FakeTensorMode(), self.assertRaises(Exception):
            torch.ops.pare.aggregate_sum(torch.ones(2, 4), a)

    def test_bfloat16(self):
        full, handle = matrix(30, 30, 0.2, 4)
        x = torch.randn(30, 8).to(torch.bfloat16)
        self.same(ops.aggregate_sum(x, handle).float(), (full @ x.float()).to(torch.bfloat16).float())

    def test_no_second_derivatives(self):
        _, handle = matrix(30, 30, 0.2, 6)
        x = torch.randn(30, 8, requires_grad=True)
        edge = torch.rand(handle.nonzeros(), requires_grad=True)
        for y, of in (
            (ops.aggregate_sum(x, handle, edge=edge), x),
            (ops.aggregate_mean(x.square(), handle), x),
            (ops.aggregate_max(x.square(), handle), x),
            (ops.edge_dots(x, x, handle, 1), x),
            (ops.edge_sums(x, x.square(), handle), x),
            (ops.edge_softmax(edge, handle), edge),
        ):
            once = torch.autograd.grad(y.square().sum(), of, retain_graph=True)[0]
            again = torch.autograd.grad(y.square().sum(), of, create_graph=True)[0]
            self.same(again, once)
            with self.assertRaisesRegex(RuntimeError, "no second derivatives"):
                again.square().sum().backward()

    def test_copies(self):
        full, handle = matrix(30, 20, 0.2, 7)
        x = torch.randn(20, 4)
        saved = io.BytesIO()
        torch.save(handle, saved)
        saved.seek(0)
        for other in (copy.deepcopy(handle), torch.load(saved, weights_only=False)):
            self.same(ops.aggregate_sum(x, other), full @ x)

    def test_workers(self):
        _, handle = matrix(3000, 3000, 0.02, 8)
        ops.aggregate_sum(torch.ones(3000, 8), handle)  # threads of this process run from here on
        loader = torch.utils.data.DataLoader(Sums(handle), batch_size=None, num_workers=2, timeout=60)
        self.assertEqual(len(list(loader)), 4)

    def test_refused(self):
        _, handle = matrix(30, 20, 0.2, 5)
        for call, words in (
            (lambda: ops.aggregate_sum(torch.ones(30, 4), handle), "30 rows of features"),
            (lambda: ops.aggregate_sum(torch.ones(20, 4).double(), handle), "float32 or bfloat16"),
            (lambda: ops.aggregate_sum(torch.ones(20, 4), handle, bias=torch.ones(3)), "bias must be 4"),
            (lambda: torch.classes.pare.Propagation(torch.tensor([0, 2]), torch.tensor([1, 9]), 5, None), "column 9"),
            (lambda: torch.classes.pare.Propagation(torch.tensor([0, 2]), torch.tensor([3, 1]), 5, None), "do not rise"),
            (lambda: torch.classes.pare.Propagation(torch.tensor([0, 1]), torch.tensor([3]), 5, torch.ones(1, requires_grad=True)),
             "not differentiated"),
        ):
            with self.assertRaisesRegex(RuntimeError, words):
                call()


if __name__ == "__main__":
    unittest.main()
