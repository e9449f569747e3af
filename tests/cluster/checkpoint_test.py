"""What torch computes again of a checkpointed layer, beside what --early-stop assumes: its last product is not.

checkpoint_test.py
"""
import sys
import unittest

try:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.checkpoint import checkpoint
except ImportError:
    print("skipped: no torch", file=sys.stderr)
    sys.exit(77)


class Products(TorchDispatchMode):
    """Counts the products of a pass forward; those of gradients go through mm."""

    count = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.count += function is torch.ops.aten.addmm.default
        return function(*arguments, **(options or {}))


class FeedForward(torch.nn.Module):
    def __init__(self, normalise_last=False, dropout=0.0):
        super().__init__()
        self.norm, self.normalise_last = torch.nn.LayerNorm(8), normalise_last
        self.first, self.last, self.dropout = torch.nn.Linear(8, 32), torch.nn.Linear(32, 8), torch.nn.Dropout(dropout)

    def inner(self, x):
        return self.dropout(self.last(torch.nn.functional.gelu(self.first(x))))

    def forward(self, x):
        return self.norm(x + self.inner(x)) if self.normalise_last else x + self.inner(self.norm(x))


class Checkpoints(unittest.TestCase):
    def products_again(self, layer, reentrant):
        x = torch.randn(4, 8, requires_grad=True)
        out = checkpoint(layer, x, use_reentrant=reentrant)
        with Products() as products:
            out.sum().backward()
        return products.count

    def test_what_is_computed_again(self):
        self.assertEqual(self.products_again(FeedForward(), True), 2)
        self.assertEqual(self.products_again(FeedForward(), False), 1)
        self.assertEqual(self.products_again(FeedForward(normalise_last=True), False), 2)
        self.assertEqual(self.products_again(FeedForward(dropout=0.1), False), 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
