"""The command under test, which is the first argument of a test in Python, and what its answers have in common."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

PARE = sys.argv[1]


def pare(*arguments, cwd=None):
    return subprocess.run([PARE, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL)


def ranks(arguments, **environment):
    """Exit status, output and errors of ranks with these arguments each; of environment, the values of each rank."""
    count = len(arguments)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [
        subprocess.Popen([PARE, *map(str, arguments[r])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env={**os.environ, "RANK": str(r), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1",
                              "MASTER_PORT": str(port), **{name: str(values[r]) for name, values in environment.items()}})
        for r in range(count)
    ]
    out = [process.communicate(timeout=300) for process in running]
    return [(process.returncode, *said) for process, said in zip(running, out)]


class CommandTest(unittest.TestCase):
    def refused(self, run, code, *words):
        """Bad input gets one line that holds the words, and the exit code."""
        self.assertEqual(run.returncode, code, run.stderr)
        lines = run.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, run.stderr)
        self.assertTrue(lines[0].startswith("pare: "), lines[0])
        for word in words:
            self.assertIn(word, lines[0])

    def quick(self, seconds, limit):
        """Took less than the limit; a sanitised build takes its time."""
        if "PARE_SANITIZE" not in os.environ:
            self.assertLess(seconds, limit)


class FolderTest(CommandTest):
    """Each test has a folder of its own."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
