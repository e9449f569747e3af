"""A small tool under test, which is the first argument of a test in Python, and a folder for what it reads and writes."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

TOOL = sys.argv.pop(1)


def tool(*words):
    """Standard output of the tool, and its one line of error (or '')."""
    done = subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True)
    assert done.returncode in (0, 1), (words, done)
    assert (done.returncode == 1) == bool(done.stderr), done
    return done.stdout, done.stderr.strip()


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.at = pathlib.Path(self.folder.name)
        self.random = np.random.default_rng(7)
