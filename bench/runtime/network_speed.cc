// Times runs of an ONNX file on given inputs: network_speed MODEL IN.npz THREADS. Every line on standard input asks for
// one run and is answered with its seconds; "memory" is answered with the most resident bytes that
// the runs added to what the loaded network and its inputs take, "nodes" with the seconds of every node of one run, the
// slowest last.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <string>

#include "pare/base/error.h"
#include "pare/io/npz.h"
#include "pare/model/fuse.h"
#include "pare/model/onnx.h"
#include "pare/runtime/block_cache.h"
#include "pare/runtime/executor.h"
#include "pare/runtime/memory.h"

namespace {

using namespace pare;

at::Tensor to_torch(const io::Array& array) {
  at::Tensor t = at::empty(array.shape, array.kind == 'i' ? at::kLong : at::kFloat);
  if (t.nbytes() != array.bytes.size()) throw Error("give float32 and int64 inputs", "network_speed");
  std::memcpy(t.data_ptr(), array.bytes.data(), array.bytes.size());
  return t;
}

void print_nodes(const runtime::Executor& network, const std::vector<at::Tensor>& inputs) {
  std::multimap<double, std::string> nodes;
  auto last = std::chrono::steady_clock::now();
  network.run(inputs, [&](std::size_t node, std::vector<at::Tensor>&) {
    const auto now = std::chrono::steady_clock::now();
    const model::Node& n = network.model().nodes[node];
    nodes.emplace(std::chrono::duration<double>(now - last).count(), std::string(model::name(n.op)) + " " + n.name);
    last = std::chrono::steady_clock::now();
  });
  for (const auto& [seconds, name] : nodes) std::cout << seconds << " " << name << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    at::set_num_threads(std::atoi(argv[3]));
    runtime::use_block_cache();
    const c10::NoGradGuard no_gradients;
    const model::Model model = model::read_onnx(argv[1]);
    const auto arrays = io::read_npz(argv[2]);
    std::vector<at::Tensor> inputs;
    for (const auto id : model.inputs) inputs.push_back(to_torch(arrays.at(model.value(id).name)));
    const runtime::Executor network(model::fuse(model));
    const std::int64_t loaded = runtime::resident_memory_bytes();
    runtime::reset_peak_memory();
    for (std::string line; std::getline(std::cin, line);) {
      if (line == "memory") {
        std::cout << runtime::peak_memory_bytes() - loaded << std::endl;
        continue;
      }
      if (line == "nodes") {
        print_nodes(network, inputs);
        continue;
      }
      const auto start = std::chrono::steady_clock::now();
      const auto outputs = network.run(inputs);
      std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << std::endl;
    }
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
