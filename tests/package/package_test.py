"""pare installed into a folder and packed for Debian: the command, the library for others, and torch found or named.

package_test.py CMAKE BUILD_FOLDER TORCH_FOLDER      TORCH_FOLDER is empty in a build without torch
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD, TORCH = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
CONSUMER = pathlib.Path(__file__).parent / "consumer"


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **kwargs)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        done = run(CMAKE, "--install", BUILD, "--prefix", cls.folder / "usr")
        assert done.returncode == 0, done.stderr
        cls.pare = cls.folder / "usr" / "bin" / "pare"
        # nothing of the machine's own torch
        cls.alone = {"PATH": os.environ["PATH"], "HOME": str(cls.folder / "home")}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_command_describes_itself(self):
        self.assertIn("quantize", run(self.pare, "--help", env=self.alone).stdout)
        man = (self.folder / "usr/share/man/man1/pare.1").read_text()
        self.assertTrue(man.startswith(".TH PARE 1"))
        self.assertIn("calibration", man)
        completion = self.folder / "usr/share/bash-completion/completions/pare"
        script = f"source {completion}; COMP_WORDS=(pare quantize --cal); COMP_CWORD=2; _pare; echo ${{COMPREPLY[@]}}"
        self.assertEqual(run("bash", "-c", script).stdout.strip(), "--calibration")
        script = f"source {completion}; COMP_WORDS=(pare q); COMP_CWORD=1; _pare; echo ${{COMPREPLY[@]}}"
        self.assertEqual(run("bash", "-c", script).stdout.strip(), "quantize")

    def test_torch_is_found_or_named(self):
        (self.folder / "no.onnx").write_text("no network")
        refused = run(self.pare, "inspect", self.folder / "no.onnx", env=self.alone)  # needs no torch
        self.assertEqual((refused.returncode, len(refused.stderr.strip().splitlines())), (1, 1), refused.stderr)
        if not TORCH:
            return
        without = run(self.pare, "report", "-o", self.folder / "page", env=self.alone)
        self.assertEqual(without.returncode, 1)
        self.assertIn("pare install-torch", without.stderr)
        self.assertEqual(len(without.stderr.strip().splitlines()), 1)
        done = run(self.pare, "report", "--bits", "4", "--method", "int", "-o", self.folder / "page",
                   env={**self.alone, "PARE_TORCH_DIR": TORCH})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "page" / "report.html").stat().st_size > 10000)

    def test_found_by_others(self):
        made = run(CMAKE, "-G", "Ninja", "-S", CONSUMER, "-B", self.folder / "consumer",
                   f"-DCMAKE_PREFIX_PATH={self.folder / 'usr'}")
        self.assertEqual(made.returncode, 0, made.stderr)
        made = run(CMAKE, "--build", self.folder / "consumer")
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        said = run(self.folder / "consumer" / "consumer", self.folder / "nothing.onnx")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("15 values, the largest 16", said.stdout)
        self.assertIn("refused:", said.stdout)

    def test_debian_package(self):
        made = run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", self.folder / "deb")
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        (package,) = (self.folder / "deb").glob("*.deb")
        fields = run("dpkg-deb", "-f", package).stdout
        self.assertIn("Package: pare", fields)
        self.assertIn("python3-venv", fields)
        self.assertEqual(run("dpkg-deb", "-x", package, self.folder / "root").returncode, 0)
        self.assertIn("quantize", run(self.folder / "root/usr/bin/pare", "--help", env=self.alone).stdout)
        files = [str(p.relative_to(self.folder / "root")) for p in (self.folder / "root").rglob("*") if p.is_file()]
        for wanted in ("usr/bin/pare", "usr/share/pare/install-torch", "usr/share/man/man1/pare.1"):
            self.assertIn(wanted, files)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
