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
    def __init__(self, normalise_last):
        super().__init__()
        self.norm, self.normalise_last = torch.nn.LayerNorm(8), normalise_last
        self.first, self.last = torch.nn.Linear(8, 32), torch.nn.Linear(32, 8)

    def inner(self, x):
        return self.last(torch.nn.functional.gelu(self.first(x)))

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
        for normalise_last, reentrant, products in [(False, True, 2), (False, False, 1), (True, True, 2), (True, False, 2)]:
            self.assertEqual(self.products_again(FeedForward(normalise_last), reentrant), products)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
