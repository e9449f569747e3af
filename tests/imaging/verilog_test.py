"""pare imaging compile: the Verilog, test benches and area that it writes, and its refusals.

verilog_test.py PARE EXAMPLES      EXAMPLES: the folder of .pipe files
"""
import functools
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

EXAMPLES = pathlib.Path(sys.argv[2])
pare = functools.partial(command.pare, "imaging", "compile")


def grey_png(path, width, height):
    """x * y, as an 8-bit PNG."""
    rows = b"".join(b"\0" + bytes(x * y % 256 for x in range(width)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Verilog(command.FolderTest):
    def compiled(self, pipe, memory, *options, width=24, height=16, output="out"):
        run = pare(EXAMPLES / f"{pipe}.pipe", "--memory", memory, "--width", width, "--height", height, "-o", self.folder / output,
                   "--json", *options)
        self.assertEqual(run.returncode, 0, run.stderr)
        study = json.loads(run.stdout)
        self.costs = {name: cost["value"] for name, cost in
                      next(c for c in study["candidates"] if c["name"] == study["chosen"])["costs"].items()}
        return study

    def texts(self, output="out"):
        return {str(p.relative_to(self.folder / output)): p.read_text()
                for p in (self.folder / output).rglob("*") if p.is_file() and p.suffix in (".v", ".hex", ".cc", ".h")}

    def test_a_module_a_file_and_the_same_twice(self):
        self.compiled("canny-m", "xilinx7", "--test", "noise")
        self.compiled("canny-m", "xilinx7", "--test", "noise", output="again")
        texts = self.texts()
        self.assertEqual(texts, self.texts("again"))
        for name, text in texts.items():
            if name.startswith("verilog/"):
                modules = [line.split()[1] for line in text.splitlines() if line.startswith("module ")]
                self.assertEqual(modules, [pathlib.Path(name).stem])
        self.assertIn("verilog/canny_m_top.v", texts)

    def test_vectors_are_written_where_images_are_given(self):
        self.compiled("sobel", "xilinx7")
        self.assertFalse([name for name in self.texts() if not name.startswith("verilog/")])
        grey_png(self.folder / "a.png", 10, 40)  # continued to the right, cut below
        self.compiled("sobel", "xilinx7", "--test", self.folder / "a.png", output="tested")
        words = [int(line, 16) for line in self.texts("tested")["vectors/image.hex"].split()]
        self.assertEqual(len(words), 3 * 24 * 16)
        at = lambda frame, x, y: words[frame * 24 * 16 + y * 24 + x]
        self.assertEqual([at(0, x, 3) for x in (0, 5, 9, 10, 11, 19, 20)], [0, 15, 27, 27, 24, 0, 0])
        self.assertEqual(at(1, 0, 0), 255 - 2 * 17)  # moved by 17 (mirrored to column 2), negative

    @unittest.skipUnless(shutil.which("verilator"), "no verilator")
    def test_make(self):
        self.compiled("denoise-m", "sram-single-port", "--test", "noise")
        run = subprocess.run(["make", "-s", "lint", "test"], cwd=self.folder / "out", capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        results = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        self.assertEqual([r["wrong"] for r in results], [0, 0])
        schedule = json.loads((self.folder / "out" / "schedule.json").read_text())
        self.assertEqual(results[0]["fill"]["o"], schedule["fill_cycles"])
        self.assertEqual(results[0]["bubbles"], 0)
        # one wrong word of the expected ones is found
        vectors = self.folder / "out" / "vectors" / "o.hex"
        words = vectors.read_text().split()
        words[200] = f"{int(words[200], 16) ^ 1:0{len(words[200])}x}"
        vectors.write_text("\n".join(words) + "\n")
        run = subprocess.run(["make", "-s", "test"], cwd=self.folder / "out", capture_output=True, text=True)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("o: word 200 (column 8, row 8 of frame 0)", run.stderr)

    @unittest.skipUnless(shutil.which("yosys"), "no yosys")
    def test_yosys_finds_the_blocks_of_the_schedule(self):
        for pipe, memory, *options in (("sobel", "ice40"), ("unsharp-m", "xilinx7"), ("sobel", "ecp5", "--coalesce", 2)):
            study = self.compiled(pipe, memory, "--area", *options, width=480, height=64)
            self.assertEqual(self.costs["block_rams"], self.costs["memory_blocks"], f"{pipe} {memory}")
            self.assertGreater(self.costs["luts"], 0)
            self.assertGreater(self.costs["flip_flops"], 0)
            self.assertEqual(study["conditions"]["area"]["family"], memory)

    def test_bad_input(self):
        def refused(code, *words, pipe="sobel", memory="xilinx7", output=self.folder / "out", options=()):
            where = ["-o", output] if output else []
            self.refused(pare(EXAMPLES / f"{pipe}.pipe", "--memory", memory, "--width", 24, "--height", 16, *where, *options),
                         code, *words)
        refused(2, "--test: test vectors need a folder", output=None, options=("--test", "noise"))
        refused(2, "--area: no family 'virtex'", "ice40, ecp5 or xilinx7", options=("--area", "virtex"))
        refused(2, "--area: no family 'sram'", memory="sram-single-port", options=("--area",))
        refused(1, "no.png", options=("--test", "no.png"))
        grey_png(self.folder / "a.png", 4, 4)
        refused(2, "1 images are given, the pipeline's inputs are i, f", pipe="denoise-m", options=("--test", self.folder / "a.png"))
        refused(1, "the image has 1 channels, input 'i' has 3", pipe="canny-m", options=("--test", self.folder / "a.png"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
