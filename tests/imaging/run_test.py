"""pare imaging run against scipy.ndimage and numpy, on image files; and its refusals.

run_test.py PARE EXAMPLES      EXAMPLES: the folder of .pipe files
"""
import functools
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import command

try:
    import numpy
    import PIL.Image
    import scipy.ndimage
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

EXAMPLES = pathlib.Path(sys.argv[2])
MODES = {"zero": "constant", "replicate": "nearest", "mirror": "mirror"}
pare = functools.partial(command.pare, "imaging", "run")


class Run(command.FolderTest):
    def run_pipe(self, pipe, images, *options):
        """The outputs, by name, of a pipeline's text or path on arrays."""
        if isinstance(pipe, str):
            (self.folder / "p.pipe").write_text(pipe)
            pipe = self.folder / "p.pipe"
        files = []
        for i, image in enumerate(images):
            files.append(self.folder / f"in{i}.npy")
            numpy.save(files[-1], image)
        run = pare(pipe, *files, "-o", self.folder / "out", "--npy", "--json", *options)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.study = json.loads(run.stdout)
        outputs = self.study["candidates"][0]["details"]["outputs"]
        return {o["name"]: numpy.load(o["file"]) for o in outputs}

    def correlated(self, image, kernel, top, left, border):
        """sum of kernel[i][j] * image[y + i - top][x + j - left]: an odd, centred kernel around the one given."""
        reach = max(max(abs(k) for k in (top, top - kernel.shape[0] + 1)), max(abs(k) for k in (left, left - kernel.shape[1] + 1)))
        wide = numpy.zeros((2 * reach + 1, 2 * reach + 1), numpy.int64)
        wide[reach - top:reach - top + kernel.shape[0], reach - left:reach - left + kernel.shape[1]] = kernel
        return scipy.ndimage.correlate(image, wide, output=numpy.int64, mode=MODES[border], cval=0)

    def test_linear_stages_are_scipy_s(self):
        random = numpy.random.default_rng(5)
        for case in range(36):
            border = list(MODES)[case % 3]
            height, width = random.integers(1, 6, 2)
            # the kernel's first element lies anywhere, so that windows are lopsided or wholly to one side
            top, left = random.integers(-2, height + 2), random.integers(-2, width + 2)
            first = random.integers(-9, 10, (height, width))
            second = random.integers(-3, 4, (3, 2))
            image = random.integers(-128, 128, (17, 23))
            pipe = f"""border {border}
                const K[{height}][{width}] = [{", ".join(map(str, first.flat))}]
                input a: s8
                stage s: s20 = sum(i in 0..{height - 1}, j in 0..{width - 1}: K[i][j] * a(x + j - {left}, y + i - {top}))
                const L = [{"; ".join(", ".join(map(str, row)) for row in second)}]
                output o: s26 = sum(i in 0..2, j in 0..1: L[i][j] * s(x + j, y + i - 2))
                output s"""
            got = self.run_pipe(pipe, [image])
            wanted = self.correlated(image, first, top, left, border)
            numpy.testing.assert_array_equal(got["s"], wanted, f"{border} {height}x{width} from {top}, {left}")
            numpy.testing.assert_array_equal(got["o"], self.correlated(wanted, second, 2, 0, border))

    def test_the_examples_are_what_numpy_computes(self):
        random = numpy.random.default_rng(6)
        image = random.integers(0, 256, (48, 64))
        kernel = numpy.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
        got = self.run_pipe(EXAMPLES / "gaussian-pyramid.pipe", [image])
        level = image
        for name in ("level1", "level2", "level3"):
            level = (scipy.ndimage.correlate(level, kernel, output=numpy.int64, mode="mirror")[::2, ::2] + 128) >> 8
            numpy.testing.assert_array_equal(got[name], level)
        got = self.run_pipe(EXAMPLES / "sobel.pipe", [image])["magnitude"]
        gx, gy = (scipy.ndimage.sobel(image, axis, output=numpy.int64, mode="nearest") for axis in (1, 0))
        numpy.testing.assert_array_equal(got, abs(gx) + abs(gy))
        got = self.run_pipe(EXAMPLES / "unsharp-m.pipe", [image])["sharp"]
        blur = scipy.ndimage.correlate(image, numpy.outer([1, 2, 1], [1, 2, 1]), output=numpy.int64, mode="nearest") / 16
        numpy.testing.assert_array_equal(got, numpy.clip(numpy.floor(image + numpy.floor((image - blur) * 12) / 16 + 0.5), 0, 255))
        got = self.run_pipe(EXAMPLES / "upsample.pipe", [image])["large"]
        edge = numpy.pad(image, ((0, 1), (0, 1)), "edge")
        wanted = numpy.empty((96, 128), numpy.int64)
        wanted[::2, ::2] = image
        wanted[::2, 1::2] = (edge[:-1, :-1] + edge[:-1, 1:] + 1) >> 1
        wanted[1::2, ::2] = (edge[:-1, :-1] + edge[1:, :-1] + 1) >> 1
        wanted[1::2, 1::2] = (edge[:-1, :-1] + edge[:-1, 1:] + edge[1:, :-1] + edge[1:, 1:] + 2) >> 2
        numpy.testing.assert_array_equal(got, wanted)

    def test_bilateral_and_layer(self):
        random = numpy.random.default_rng(8)
        image = random.integers(0, 256, (20, 30))
        padded = numpy.pad(image, 2, "reflect")
        weights, total = numpy.zeros((20, 30), int), numpy.zeros((20, 30), int)
        for i in range(5):
            for j in range(5):
                near = int(numpy.floor(16 * numpy.exp(-((i - 2) ** 2 + (j - 2) ** 2) / 4.5) + 0.5))
                there = padded[i:i + 20, j:j + 30]
                d = abs(there - image)
                weight = near * numpy.floor(64 * numpy.exp(-d * d / 1250) + 0.5).astype(int)
                weights += weight
                total += weight * there
        got = self.run_pipe(EXAMPLES / "bilateral.pipe", [image])["smooth"]
        numpy.testing.assert_array_equal(got, (total + weights // 2) // weights)

    def test_demosaic(self):
        """Of a linear ramp per colour, bilinear interpolation gives the ramp back wherever no border is near."""
        y, x = numpy.mgrid[0:24, 0:32]
        red, green, blue = 400 + 8 * x + 4 * y, 900 + 4 * x - 8 * y, 1200 - 4 * x + 12 * y
        raw = numpy.where(y % 2 == 0, numpy.where(x % 2 == 0, red, green), numpy.where(x % 2 == 0, green, blue))
        got = self.run_pipe(EXAMPLES / "demosaic.pipe", [raw])["rgb"]
        for c, wanted in enumerate((red, green, blue)):
            numpy.testing.assert_array_equal(got[2:-2, 2:-2, c], wanted[2:-2, 2:-2])

    def test_image_files_in_and_out(self):
        random = numpy.random.default_rng(7)
        grey, colour = random.integers(0, 256, (9, 11), numpy.uint8), random.integers(0, 256, (9, 11, 3), numpy.uint8)
        deep = random.integers(0, 4096, (9, 11)).astype(numpy.uint16)
        PIL.Image.fromarray(grey).save(self.folder / "grey.png")
        PIL.Image.fromarray(colour).save(self.folder / "colour.ppm")
        PIL.Image.fromarray(deep).save(self.folder / "deep.png")
        (self.folder / "p.pipe").write_text("""
            input a: u8.2
            input b: u8x3
            input c: u12
            output o8: u8x3 = b(x, y)
            output o12: u12 = c(x, y)
            output part: u0.8 = a(x, y) * 0.00390625
            output plain: u8.2 = a(x, y) + 0
            output minus: s9 = -a(x, y)
            output wide: u20 = c(x, y) << 8
        """)
        run = pare(self.folder / "p.pipe", "b=" + str(self.folder / "colour.ppm"), self.folder / "grey.png",
                   self.folder / "deep.png", "-o", self.folder / "out", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        out = {o["name"]: o for o in json.loads(run.stdout)["candidates"][0]["details"]["outputs"]}
        png = lambda name: numpy.array(PIL.Image.open(out[name]["file"]))
        numpy.testing.assert_array_equal(png("o8"), colour)
        numpy.testing.assert_array_equal(png("o12"), deep)
        numpy.testing.assert_array_equal(png("part"), grey)
        numpy.testing.assert_array_equal(png("plain"), grey.astype(int) * 4)
        minus, wide = numpy.load(out["minus"]["file"]), numpy.load(out["wide"]["file"])
        self.assertEqual((minus.dtype, wide.dtype), (numpy.int16, numpy.uint32))
        numpy.testing.assert_array_equal(minus, -grey.astype(int))
        numpy.testing.assert_array_equal(wide, deep.astype(int) * 256)
        self.assertEqual(out["plain"]["maximum"], grey.max())
        self.assertAlmostEqual(out["plain"]["mean"], grey.mean())
        self.assertTrue((self.folder / "out" / "study.json").exists())
        # a part's codes are read back as they were written
        (self.folder / "q.pipe").write_text("input a: u0.8\noutput o: u0.8 = a(x, y)")
        run = pare(self.folder / "q.pipe", out["part"]["file"], "-o", self.folder / "again")
        self.assertEqual(run.returncode, 0, run.stderr)
        numpy.testing.assert_array_equal(numpy.array(PIL.Image.open(self.folder / "again" / "o.png")), grey)

    def test_real_images(self):
        assets = os.environ.get("PARE_ASSETS")
        if not assets:
            self.skipTest("PARE_ASSETS is not set")
        run = pare(EXAMPLES / "canny-s.pipe", pathlib.Path(assets) / "images" / "astronaut.png", "--json")
        (edges,) = json.loads(run.stdout)["candidates"][0]["details"]["outputs"]
        self.assertEqual((edges["width"], edges["height"], edges["maximum"]), (512, 512, 255))
        self.assertTrue(2 < edges["mean"] < 30, edges)
        run = pare(EXAMPLES / "demosaic.pipe", pathlib.Path(assets) / "images" / "halide_bayer_small.png", "--json")
        (rgb,) = json.loads(run.stdout)["candidates"][0]["details"]["outputs"]
        self.assertGreater(rgb["maximum"], 255)  # all 16 bits are read

    def refusal(self, pipe, *images):
        (self.folder / "p.pipe").write_text(pipe)
        return pare(self.folder / "p.pipe", *images)

    def test_refusals(self):
        PIL.Image.fromarray(numpy.zeros((4, 5), numpy.uint8)).save(self.folder / "g.png")
        image = self.folder / "g.png"
        good = "input a: u8\noutput o: u8 = a(x, y)\n"
        self.refused(pare(self.folder / "none.pipe", image), 1, "none.pipe")
        self.refused(self.refusal(good, self.folder / "none.png"), 1, "none.png")
        self.refused(self.refusal(good, image, image), 2, "2 images are given", "inputs are a")
        self.refused(self.refusal(good + "input b: u8\noutput p: u8 = b(x, y)", f"b={image}", f"b={image}"), 2, "'b' is given twice")
        self.refused(self.refusal(good.replace("u8", "u8x3"), image), 1, "input 'a'", "1 channels")
        self.refused(self.refusal("input a: s8\noutput o: s8 = a(x, y + 4)", image), 1, "window of 1 x 5 of 'a', an image of 5 x 4")
        self.refused(self.refusal("input a: u8\noutput o: u8 = a(2 * x, 2 * y)", image), 1, "do not divide by 2")
        numpy.save(self.folder / "f.npy", numpy.zeros((3, 3)))
        self.refused(self.refusal(good, self.folder / "f.npy"), 1, "f.npy", "no whole numbers")
        numpy.save(self.folder / "f.npy", numpy.full((3, 3), 256))
        self.refused(self.refusal(good, self.folder / "f.npy"), 1, "the pixel at (0, 0) is 256, outside u8's 0 to 255")
        numpy.save(self.folder / "f.npy", numpy.zeros(3, int))
        self.refused(self.refusal(good, self.folder / "f.npy"), 1, "f.npy", "1 dimensions")
        run = self.refusal("input image: u8\noutput o: u8 = imge(x, y)", image)
        self.assertEqual(run.returncode, 1)
        lines = run.stderr.rstrip("\n").splitlines()
        self.assertIn("p.pipe:2:16: 'imge' is not known (did you mean 'image'?)", lines[0])
        self.assertEqual(lines[1:], ["    2 | output o: u8 = imge(x, y)", "      |                ^^^^"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
