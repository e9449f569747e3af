"""pare imaging compile: the specification's table of lines, studies, schedule.json, and its refusals.

compile_test.py PARE EXAMPLES      EXAMPLES: the folder of .pipe files
"""
import functools
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

EXAMPLES = pathlib.Path(sys.argv[2])
pare = functools.partial(command.pare, "imaging", "compile")

# section 7 of the specification: one port, 1R1W, two ports, two ports with two lines a block
LINES = {"canny-s": (21, 15, 15, 20), "canny-m": (23, 16, 16, 22), "harris-s": (18, 14, 14, 18), "harris-m": (22, 17, 14, 22),
         "unsharp-m": (12, 8, 6, 10), "xcorr-m": (32, 29, 29, 34), "denoise-m": (22, 18, 9, 22)}
MEMORIES = (("sram-single-port", 1), ("ice40", 1), ("sram-dual-port", 1), ("sram-dual-port", 2))
SOBEL = EXAMPLES / "sobel.pipe"


class Compile(command.FolderTest):
    def compiled(self, pipe, memory, *options, width=480, height=64):
        run = pare(pipe, "--memory", memory, "--width", width, "--height", height, "-o", self.folder, "--json", *options)
        self.assertEqual(run.returncode, 0, run.stderr)
        study = json.loads(run.stdout)
        self.candidates = {c["name"]: c for c in study["candidates"]}
        self.schedule = json.loads((self.folder / "schedule.json").read_text())
        return study

    def cost(self, name, candidate="optimum"):
        return self.candidates[candidate]["costs"][name]["value"]

    def memory(self, text):
        path = self.folder / "m.toml"
        path.write_text(text)
        return path

    def test_lines_are_the_known_optima(self):
        for pipe, known in LINES.items():
            for (memory, group), lines in zip(MEMORIES, known):
                self.compiled(EXAMPLES / f"{pipe}.pipe", memory, "--objective", "lines", "--coalesce", group)
                self.assertEqual(self.cost("lines"), lines, f"{pipe} {memory} {group}")
                self.assertEqual(self.cost("gap"), 0)

    def test_study(self):
        study = self.compiled(EXAMPLES / "canny-m.pipe", "xilinx7")
        self.assertEqual(study["chosen"], "optimum")
        self.assertEqual(list(self.candidates), ["optimum", "asap", "darkroom", "soda", "fixynn"])
        self.assertEqual(study["conditions"]["ports"], {"read_write": 2, "read": 0, "write": 0})
        for name, c in self.candidates.items():
            for cost in ("lines", "memory_bits", "memory_blocks", "register_bits", "compile_s"):
                self.assertIn(cost, c["costs"], name)
            buffers = c["details"]["buffers"]
            self.assertEqual(sum(b["bits"] for b in buffers), self.cost("memory_bits", name))
            self.assertEqual(sum(b["blocks"] for b in buffers), self.cost("memory_blocks", name))
            self.assertEqual(sum(b["registers"] for b in buffers), self.cost("register_bits", name))
        self.assertLess(self.cost("memory_bits"), self.cost("memory_bits", "asap"))
        self.assertLess(self.cost("memory_bits"), self.cost("memory_bits", "darkroom"))
        # what the memory cannot do is said and not on the front
        self.compiled(EXAMPLES / "canny-m.pipe", "sram-single-port")
        self.assertIn("ports do not suffice", self.candidates["asap"]["details"]["note"])
        self.assertGreater(self.candidates["asap"]["decision"]["ports"], 1)
        self.assertFalse(self.candidates["asap"]["front"])

    def test_schedule(self):
        """Every fetch comes after its rows were written and before their lines are written again."""
        for memory, group in MEMORIES:
            self.compiled(EXAMPLES / "canny-m.pipe", memory, "--coalesce", group)
            s = self.schedule
            start = {stage["name"]: stage["start_cycle"] for stage in s["stages"]}
            buffers = {b["stage"]: b for b in s["buffers"]}
            period = s["cycles_per_row"]
            self.assertEqual(period, 480)
            for f in s["fetches"]:
                late = f["start_cycle"] - start[f["of"]]
                self.assertGreaterEqual(late, f["down"] * period + 1, f)
                self.assertEqual(start[f["by"]] - f["start_cycle"], f["right"] + s["latency"], f)
                b = buffers[f["of"]]
                if "lines" in b:
                    self.assertGreaterEqual(b["lines"] * period, late + f["up"] * period + 1, f)
                    self.assertEqual(len(b["ports"][f["by"]]), group)
                    self.assertEqual(b["lines"] % group, 0)
                else:
                    self.assertGreaterEqual(b["register_depth"], late)
            self.assertEqual(min(min(start.values()), min(f["start_cycle"] for f in s["fetches"])), 0)
            self.assertEqual(s["outputs"], [{"name": "o", "first_cycle": start["o"]}])
            self.assertEqual(s["fill_cycles"], start["o"] - start["i"])
            self.assertEqual(s["fill_cycles"], self.candidates["optimum"]["details"]["fill_cycles"])

    def test_relays_need_no_more_than_any_baseline_of_whole_lines(self):
        for pipe in ("harris-m", "unsharp-m", "xcorr-m", "denoise-m"):
            for memory, group in MEMORIES:
                study = self.compiled(EXAMPLES / f"{pipe}.pipe", memory, "--coalesce", group, "--objective", "bits", "--relays")
                best = self.cost("memory_bits", study["chosen"])
                self.assertLessEqual(best, self.cost("memory_bits"))
                for name in ("asap", "darkroom", "fixynn"):
                    if "ports" not in self.candidates[name]["decision"]:
                        self.assertLessEqual(best, self.cost("memory_bits", name), f"{pipe} {memory} {group} {name}")
                # schedule.json is of the chosen one
                self.assertEqual(sum(b.get("bits", 0) for b in self.schedule["buffers"]), best)

    def test_the_same_twice(self):
        def known():
            study = self.compiled(EXAMPLES / "denoise-m.pipe", "ice40")
            del study["conditions"]["solver_s"]
            for c in study["candidates"]:
                del c["costs"]["compile_s"]
            return study, self.schedule
        self.assertEqual(known(), known())

    def test_energy_where_the_memory_says_it(self):
        text = 'name = "m"\nkind = "sram"\nexact = true\n[ports]\nread_write = 2\n'
        self.compiled(SOBEL, self.memory(text))
        self.assertNotIn("energy_pj", self.candidates["optimum"]["costs"])
        study = self.compiled(SOBEL, self.memory(text + '[energy]\nread_pj = 2\nwrite_pj = 3\nsource = "a table"\n'),
                              "--objective", "power")
        self.assertEqual(study["conditions"]["sources"]["read_pj"], "a table")
        cost = self.candidates["optimum"]["costs"]["energy_pj"]
        self.assertEqual(cost["provenance"], "estimated")
        # one 3 x 3 window over the image: three reads and a write a pixel
        self.assertEqual(cost["value"], 480 * 64 * (3 * 2 + 3))

    def test_bad_input(self):
        def refused(code, *words, pipe=SOBEL, memory="xilinx7", width=480, height=64, options=()):
            self.refused(pare(pipe, "--memory", memory, "--width", width, "--height", height, *options), code, *words)
        refused(2, "--memory: 'xilinx8' is neither a memory of pare nor a file", "sram-single-port", memory="xilinx8")
        refused(1, "m.toml: line 1: 'shapes' must be a list", memory=self.memory("shapes = 1\nname = 'm'\nkind = 'sram'\n[ports]"))
        refused(1, "4 blocks are needed", "has 2", "a narrower image or a larger memory",
                memory=self.memory("name = 'm'\nkind = 'block_ram'\nblocks = 2\nshapes = [[1024, 8]]\n[ports]\nread_write = 1\n"))
        # two lines in a block of one port: three rows at once need two reads of one block
        refused(1, "SRAM macro, single port", "'image'", "(let no lines share a block)",
                memory="sram-single-port", options=("--coalesce", 2))
        refused(1, "window of 3 x 3", "an image of 2 x 64", width=2)
        refused(1, "an image has 1 to 65536 columns, not 0", width=0)
        refused(1, "65536 rows", height=1 << 20)
        refused(2, "--lanes", "do not divide by 4", width=482, options=("--lanes", 4))
        refused(1, "do not divide by 8", pipe=EXAMPLES / "gaussian-pyramid.pipe", width=100)
        refused(2, "'watts' is nothing to minimise", "lines, bits, blocks or power", options=("--objective", "watts"))
        refused(2, "says no energy of an access", "read_pj", options=("--objective", "power"))
        refused(1, "no.pipe", pipe=self.folder / "no.pipe")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
