"""Another solver, HiGHS, finds the optimum that CBC found, on the benchmark pipelines under every kind of memory.

highs_test.py PARE EXAMPLES      EXAMPLES: the folder of .pipe files
"""
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

try:
    import highsbox
except ImportError:
    print("skipped: no highsbox (./test installs it)")
    sys.exit(77)

EXAMPLES = pathlib.Path(sys.argv[2])
HIGHS = pathlib.Path(highsbox.__file__).parent / "highs_dist" / "bin" / "highs"
pare = functools.partial(command.pare, "imaging", "compile")


def highs(program):
    run = subprocess.run([HIGHS, program], capture_output=True, text=True, timeout=120, cwd=program.parent,
                         env={**os.environ, "LD_LIBRARY_PATH": str(HIGHS.parents[1] / "lib")})
    status, bound = re.search(r"Status +(\w+)", run.stdout), re.search(r"Primal bound +([-+.\de]+)", run.stdout)
    assert status and bound and status[1] == "Optimal", run.stdout + run.stderr
    return float(bound[1])


class Highs(command.CommandTest):
    def test_finds_the_same_optimum(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("canny-s", "canny-m", "harris-s", "harris-m", "unsharp-m", "xcorr-m", "denoise-m"):
                for memory, group in (("sram-single-port", 1), ("ice40", 1), ("sram-dual-port", 1), ("sram-dual-port", 2)):
                    run = pare(EXAMPLES / f"{name}.pipe", "--memory", memory, "--coalesce", group, "--objective", "lines",
                               "--width", 480, "--height", 64, "-o", folder, "-q")
                    self.assertEqual(run.returncode, 0, run.stderr)
                    found = json.loads((pathlib.Path(folder) / "schedule.json").read_text())
                    self.assertAlmostEqual(highs(pathlib.Path(folder) / "schedule.lp"), found["objective"], places=6,
                                           msg=f"{name} {memory} {group}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
