#include "pare/io/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "hostile.h"
#include "pare/base/file.h"
#include "pare/base/parallel.h"
#include "pare/io/npz.h"
#include "pare/io/samples.h"

namespace pare::io {
namespace {
namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;

class Datasets : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("pare_io_" + std::to_string(::getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  fs::path put(const std::string& name, const std::string& bytes) const {
    write_file(folder / name, bytes);
    return folder / name;
  }
  static std::string message(const fs::path& path, const Preprocess& preprocess = {}) {
    return error_of([&] {
      const auto set = open_dataset(path, preprocess);
      std::vector<std::size_t> all(set->size());
      std::iota(all.begin(), all.end(), std::size_t{0});
      std::vector<float> out(100000);
      set->read(all, out.data());
    });
  }
  static std::vector<float> read(const Dataset& set, const std::vector<std::size_t>& samples) {
    std::size_t count = samples.size();
    for (const auto extent : set.sample_shape()) count *= static_cast<std::size_t>(extent);
    std::vector<float> out(count);
    set.read(samples, out.data());
    return out;
  }

  fs::path folder;
};

/// A record of CIFAR-10: the pixel of channel c at (y, x) is (7 c + 3 y + x + seed) mod 256.
std::string record(int label, int seed) {
  std::string out(1, static_cast<char>(label));
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 32; ++y)
      for (int x = 0; x < 32; ++x) out += static_cast<char>(7 * c + 3 * y + x + seed);
  return out;
}

TEST_F(Datasets, CifarIsPlanarOnDiskAndLaidOutAsAsked) {
  const fs::path path = put("test_batch.bin", record(3, 0) + record(9, 50));
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const auto set = open_dataset(path, {.mean = {0.5f, 0, 0.25f}, .std = {1, 2, 4}, .layout = layout});
    const bool planes = layout == Layout::nchw;
    EXPECT_EQ(set->sample_shape(),
              (planes ? std::vector<std::int64_t>{3, 32, 32} : std::vector<std::int64_t>{32, 32, 3}));
    EXPECT_THAT(set->labels(), ElementsAre(3, 9));
    EXPECT_EQ(set->name(), "test_batch");
    const auto values = read(*set, {1, 0, 1});
    const float means[] = {0.5f, 0, 0.25f}, stds[] = {1, 2, 4};
    for (int i = 0; i < 3; ++i)
      for (int c = 0; c < 3; ++c)
        for (int y = 0; y < 32; ++y)
          for (int x = 0; x < 32; ++x) {
            const int byte = (7 * c + 3 * y + x + (i == 1 ? 0 : 50)) % 256;
            const int at = planes ? (c * 32 + y) * 32 + x : (y * 32 + x) * 3 + c;
            ASSERT_EQ(values[static_cast<std::size_t>(i * 3072 + at)],
                      (static_cast<float>(byte) / 255.f - means[c]) / stds[c]);
          }
  }
}

TEST_F(Datasets, CifarFoldersAreOneSetOrAsk) {
  put("c/data_batch_1.bin", record(1, 0));
  put("c/data_batch_2.bin", record(2, 0) + record(4, 1));
  put("c/batches.meta.txt", "airplane\n");
  EXPECT_THAT(open_dataset(folder / "c")->labels(), ElementsAre(1, 2, 4));
  EXPECT_EQ(open_dataset(folder / "c" / "")->name(), "c");
  put("c/test_batch.bin", record(5, 0));
  EXPECT_THAT(message(folder / "c"), HasSubstr("both training and test"));
  EXPECT_THAT(open_dataset(folder / "c/data_batch")->labels(), ElementsAre(1, 2, 4));
  EXPECT_THAT(open_dataset(folder / "c/test_batch.bin")->labels(), ElementsAre(5));
}

TEST_F(Datasets, CutsTheMiddle) {
  const auto set = open_dataset(put("a.bin", record(0, 0)), {.size = 3});  // (32 - 3) / 2 = 14.5, to even: 14
  const auto values = read(*set, {0});
  ASSERT_EQ(values.size(), 27u);
  EXPECT_EQ(values[0], (3 * 14 + 14) / 255.f);
  EXPECT_EQ(values[9 + 3 + 1], (7 + 3 * 15 + 15) / 255.f);
}

TEST_F(Datasets, EveryMistakeIsOneLine) {
  EXPECT_THAT(message(folder / "none"), HasSubstr("does not exist"));
  EXPECT_THAT(message(folder), HasSubstr("holds no png, jpg"));
  EXPECT_THAT(message(put("empty", "")), HasSubstr("no set of samples"));
  EXPECT_THAT(message(put("text.npz", "hello")), HasSubstr("no .npz archive"));
  EXPECT_THAT(message(put("cut.bin", record(1, 0).substr(1))), HasSubstr("3072 bytes"));
  EXPECT_THAT(message(put("empty.bin", "")), HasSubstr("0 bytes"));
  EXPECT_THAT(message(put("label.bin", record(10, 0))), HasSubstr("label 10"));
  EXPECT_THAT(message(put("a.bin", record(1, 0)), {.mean = {1, 2}}), HasSubstr("2 figures where the images have 3"));
  EXPECT_THAT(message(folder / "a.bin", {.std = {0}}), HasSubstr("std must be above 0"));
  EXPECT_THAT(message(folder / "a.bin", {.mean = {NAN}}), HasSubstr("not finite"));
  EXPECT_THAT(message(folder / "a.bin", {.size = -1}), HasSubstr("resize and size"));
  EXPECT_THAT(message(folder / "a.bin", {.size = 33}), HasSubstr("smaller than the 33 x 33"));
  EXPECT_THAT(message(put("f/1.pgm", "P5 2 1 255 ab").parent_path(), {.size = 2}), HasSubstr("smaller than the 2 x 2"));
  put("f/2.ppm", "P6 2 1 255 abcdef");
  EXPECT_THAT(message(folder / "f"), HasSubstr("coloured image in a set of grey"));
  EXPECT_EQ(read(*open_dataset(folder / "f", {.mean = {0, 0, 0}}), {0, 1}).size(), 12u);
  put("f/3.png", "no image");
  EXPECT_THAT(message(folder / "f"), HasSubstr("3.png: is no PNG"));
  put("f/class/1.pgm", "P5 2 1 255 ab");
  EXPECT_THAT(message(folder / "f"), HasSubstr("both images and folders"));
  fs::create_directories(folder / "g/class");
  EXPECT_THAT(message(folder / "g"), HasSubstr("class"));
}

Array array(char kind, int item, std::vector<std::int64_t> shape) {
  Array out{.kind = kind, .item_bytes = item, .shape = std::move(shape), .bytes = {}};
  out.bytes.assign(out.elements() * static_cast<std::size_t>(item), '\0');
  return out;
}

TEST_F(Datasets, NpzMistakesAreOneLine) {
  const auto saved = [&](const std::map<std::string, Array>& arrays) {
    write_npz(folder / "s.npz", arrays);
    return folder / "s.npz";
  };
  EXPECT_THAT(message(saved({{"images", array('u', 1, {1})}})), HasSubstr("no array x (it has: images)"));
  EXPECT_THAT(message(saved({{"x", array('u', 1, {0, 4, 4, 3})}})), HasSubstr("x is [0, 4, 4, 3]"));
  EXPECT_THAT(message(saved({{"x", array('u', 1, {2, 4, 0, 3})}})), HasSubstr("no samples"));
  EXPECT_THAT(message(saved({{"x", array('i', 4, {2, 4, 4, 3})}})), HasSubstr("type i32"));
  EXPECT_THAT(message(saved({{"x", array('u', 1, {2, 3, 32, 32})}})), HasSubstr("32 channels"));
  EXPECT_THAT(message(saved({{"x", array('u', 1, {2, 3})}})), HasSubstr("no images"));
  EXPECT_THAT(message(saved({{"x", array('u', 1, {2, 4, 4})}, {"y", array('i', 8, {3})}})), HasSubstr("y [3] for 2"));
  EXPECT_THAT(message(saved({{"x", array('u', 1, {2, 4, 4})}, {"y", array('f', 4, {2})}})),
              HasSubstr("no whole numbers"));
  Array negative = array('i', 1, {2});
  negative.bytes[1] = '\xff';
  EXPECT_THAT(message(saved({{"x", array('u', 1, {2, 4, 4})}, {"y", negative}})),
              HasSubstr("sample 1 has the label -1"));
  EXPECT_THAT(message(saved({{"x", array('f', 4, {2, 3, 4})}}), {.size = 2}), HasSubstr("floats"));
  EXPECT_THAT(message(folder / "s.npz", {.mean = {0, 0}}), HasSubstr("[3, 4] have 3 channels"));
}

TEST_F(Datasets, IdxDamageIsRefusedOrRead) {
  const std::string whole = std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x01", 16) + "abcdef";
  const Pixels pixels = parse_idx(whole, "test");
  EXPECT_EQ(pixels.count, 2u);
  EXPECT_EQ(pixels.bytes, "abcdef");
  expect_survives_damage([](const std::string& bytes) { parse_idx(bytes, "test"); }, whole);
  const auto refused = [&](const std::string& header) { return error_of([&] { parse_idx(header, "test"); }); };
  const std::string huge(12, '\xff');
  EXPECT_THAT(refused(std::string("\0\0\x08\x03", 4) + huge), HasSubstr("impossible shape"));
  EXPECT_THAT(refused(std::string("\0\0\x08\x03\x10\0\0\0\0\0\0\x80\0\0\0\x80", 16)), HasSubstr("declares"));
  EXPECT_THAT(refused(std::string("\0\0\x0d\x03", 4) + huge), HasSubstr("type 13"));
}

TEST_F(Datasets, TomlSaysHow) {
  const auto p = parse_preprocess("mean = [0.5, 1, 2]\nstd = 0.25\nresize = 256\nsize = 224\nlayout = \"nhwc\"", "t");
  EXPECT_THAT(p.mean, ElementsAre(0.5f, 1.f, 2.f));
  EXPECT_THAT(p.std, ElementsAre(0.25f));
  EXPECT_EQ(std::tie(p.resize, p.size, p.layout), std::tuple(256, 224, Layout::nhwc));
  const auto refused = [](const std::string& text) { return error_of([&] { parse_preprocess(text, "t.toml"); }); };
  EXPECT_THAT(refused("\nsise = 3"), HasSubstr("t.toml: line 2: sise is a key that pare does not know"));
  EXPECT_THAT(refused("size = -3"), HasSubstr("whole number"));
  EXPECT_THAT(refused("size = 2.5"), HasSubstr("whole number"));
  EXPECT_THAT(refused("mean = ['a']"), HasSubstr("no number"));
  EXPECT_THAT(refused("mean = nan"), HasSubstr("not finite"));
  EXPECT_THAT(refused("std = [1, 0]"), HasSubstr("above 0"));
  EXPECT_THAT(refused("layout = 'chw'"), HasSubstr("nchw"));
  EXPECT_THAT(refused("size = "), HasSubstr("line 1"));
  EXPECT_THAT(refused("size = 3\nk\xc3\x98 = 1"), HasSubstr("line 2: a character that is not ASCII"));
  EXPECT_EQ(parse_preprocess("size = 3  # gr\xc3\xb6\xc3\x9f"
                             "e\n",
                             "t")
                .size,
            3);
  expect_survives_damage(
      [](const std::string& text) {
        parse_preprocess(text, "t");
        if (!text.ends_with('#')) throw Error("cut texts may be sound TOML", "");
      },
      "mean = [0.5, 1]\nsize = 224\nlayout = \"nhwc\"#");
}

TEST_F(Datasets, TomlIsFoundBesideTheData) {
  const fs::path npz = put("a/set.npz", ""), other = put("a/other.bin.gz", "");
  EXPECT_EQ(preprocess_beside(npz), std::nullopt);
  put("a/preprocess.toml", "");
  EXPECT_EQ(preprocess_beside(npz), folder / "a/preprocess.toml");
  EXPECT_EQ(preprocess_beside(folder / "a" / ""), folder / "a/preprocess.toml");
  put("a/other.bin.toml", "");
  EXPECT_EQ(preprocess_beside(npz), folder / "a/preprocess.toml");
  put("a/set.toml", "");
  EXPECT_EQ(preprocess_beside(npz), folder / "a/set.toml");
  put("a/set.npz.toml", "");
  EXPECT_EQ(preprocess_beside(npz), folder / "a/set.npz.toml");
  put("a.toml", "");
  EXPECT_EQ(preprocess_beside(folder / "a"), folder / "a.toml");
}

TEST_F(Datasets, ResultsDoNotDependOnThreads) {
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += record(i % 10, i);
  const auto set = open_dataset(put("a.bin", bytes), {.resize = 20, .size = 17});
  std::vector<std::size_t> all(20);
  std::iota(all.begin(), all.end(), std::size_t{0});
  const int before = threads();
  set_threads(1);
  const auto alone = read(*set, all);
  set_threads(4);
  EXPECT_EQ(read(*set, all), alone);
  set_threads(before);
}

// Not a benchmark: a batch of CIFAR takes about half a millisecond; fifty times that means something is badly wrong.
TEST_F(Datasets, ABatchOfCifarIsQuick) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += record(i % 10, i);
  const auto set = open_dataset(put("a.bin", bytes), {.mean = {0.5f, 0.5f, 0.5f}, .std = {0.2f, 0.2f, 0.2f}});
  std::vector<std::size_t> all(256);
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<float> out(256 * 3072);
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    set->read(all, out.data());
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  RecordProperty("milliseconds", std::to_string(best));
  EXPECT_LT(best, 25);
}

}  // namespace
}  // namespace pare::io
