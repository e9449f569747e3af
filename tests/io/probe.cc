// Shows what the readers of this room make of a file, for peers_test.py.
//   io_probe arrays FILE | tensors FILE          name, type, shape, bytes in hexadecimal; one a line
//   io_probe rewrite_arrays FROM TO | rewrite_tensors FROM TO
//   io_probe samples PATH TOML|- OUT             shape and labels on stdout, the floats of all samples into OUT
//   io_probe resize IMAGE HEIGHT WIDTH OUT       the resized pixels into OUT
#include <fmt/ranges.h>

#include <cstdio>
#include <numeric>

#include "pare/base/file.h"
#include "pare/io/dataset.h"
#include "pare/io/image.h"
#include "pare/io/npz.h"
#include "pare/io/safetensors.h"
#include "probe_main.h"

namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

void samples(const std::string& path, const std::string& toml, const std::string& out) {
  using namespace pare::io;
  const auto set = open_dataset(path, toml == "-" ? Preprocess{} : Preprocess::from_toml(toml));
  std::vector<std::size_t> all(set->size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::size_t elements = 1;
  for (const auto extent : set->sample_shape()) elements *= static_cast<std::size_t>(extent);
  std::vector<float> values(all.size() * elements);
  set->read(all, values.data());
  pare::write_file(out, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  fmt::print("{}\n{}\n{}\n", set->name(), fmt::join(set->sample_shape(), " "), fmt::join(set->labels(), " "));
}

}  // namespace

int run(const std::vector<std::string>& words) {
  using namespace pare::io;
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "arrays" && words.size() == 2) {
    for (const auto& [name, array] : read_npz(words[1]))
      fmt::print("{}|{}{}|{}|{}\n", name, array.kind, array.item_bytes, fmt::join(array.shape, " "), hex(array.bytes));
  } else if (verb == "tensors" && words.size() == 2) {
    for (const auto& [name, tensor] : read_safetensors(words[1]))
      fmt::print("{}|{}|{}|{}\n", name, tensor.dtype, fmt::join(tensor.shape, " "), hex(tensor.bytes));
  } else if (verb == "rewrite_arrays" && words.size() == 3) {
    write_npz(words[2], read_npz(words[1]));
  } else if (verb == "rewrite_tensors" && words.size() == 3) {
    pare::write_file(words[2], to_safetensors(read_safetensors(words[1]), {{"writer", "pare"}}));
  } else if (verb == "samples" && words.size() == 4) {
    samples(words[1], words[2], words[3]);
  } else if (verb == "resize" && words.size() == 5) {
    const Image image = decode_image(pare::read_file(words[1]), words[1]);
    const Image out = resize_image(image, std::stoi(words[2]), std::stoi(words[3]));
    pare::write_file(words[4], {reinterpret_cast<const char*>(out.pixels.data()), out.pixels.size()});
  } else {
    return 2;
  }
  return 0;
}
