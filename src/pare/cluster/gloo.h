// A group of ranks that communicate through torch's Gloo, on this machine.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace pare::cluster {

/// Waits for something begun to end.
using Pending = std::function<void()>;

class GlooGroup {
 public:
  /// All `size` members construct it at once. store: a file that is not there yet, the same for all; name: tells groups
  /// of one store apart.
  GlooGroup(const std::filesystem::path& store, const std::string& name, int rank, int size);
  ~GlooGroup();

  void sum(at::Tensor x);
  void most(at::Tensor x);
  /// all: `size` times as long as part.
  void gather(at::Tensor all, at::Tensor part);
  void reduce_scatter(at::Tensor part, at::Tensor all);
  void barrier();

  /// The tensor must not change before the other end has it.
  Pending send(const at::Tensor& x, int to, int tag);
  Pending receive(const at::Tensor& x, int from, int tag);

 private:
  struct Torch;  // keeps c10d's headers, 20 s a file, out of here
  std::unique_ptr<Torch> torch_;
};

}  // namespace pare::cluster
