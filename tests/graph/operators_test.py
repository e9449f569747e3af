"""The operators from Python, as users' own modules call them: against torch's sparse and dense products, values and
gradients, and bad input as one exception."""
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

    def test_bfloat16(self):
        full, handle = matrix(30, 30, 0.2, 4)
        x = torch.randn(30, 8).to(torch.bfloat16)
        self.same(ops.aggregate_sum(x, handle).float(), (full @ x.float()).to(torch.bfloat16).float())

    def test_refused(self):
        _, handle = matrix(30, 20, 0.2, 5)
        for call, words in (
            (lambda: ops.aggregate_sum(torch.ones(30, 4), handle), "30 rows of features"),
            (lambda: ops.aggregate_sum(torch.ones(20, 4).double(), handle), "float32 or bfloat16"),
            (lambda: ops.aggregate_sum(torch.ones(20, 4), handle, bias=torch.ones(3)), "bias must be 4"),
            (lambda: torch.classes.pare.Propagation(torch.tensor([0, 2]), torch.tensor([1, 9]), 5, None), "column 9"),
            (lambda: torch.classes.pare.Propagation(torch.tensor([0, 2]), torch.tensor([3, 1]), 5, None), "do not rise"),
        ):
            with self.assertRaisesRegex(RuntimeError, words):
                call()


if __name__ == "__main__":
    unittest.main()
