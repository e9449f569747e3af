// A group of ranks that communicate through torch's Gloo.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace pare::runtime {

/// Waits for something begun to end.
using Pending = std::function<void()>;

class GlooGroup {
 public:
  /// On this machine. All `size` members construct it at once. store: a file that is not there yet, the same for all;
  /// name: tells groups of one store apart.
  GlooGroup(const std::filesystem::path& store, const std::string& name, int rank, int size);
  ~GlooGroup();

  /// As torchrun's environment says (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT); null where it says nothing, or there
  /// is one rank only. Throws Error where a variable is missing or wrong, or the others cannot be reached.
  static std::unique_ptr<GlooGroup> from_environment();

  int rank() const { return rank_; }
  int size() const { return size_; }

  void sum(at::Tensor x);
  void most(at::Tensor x);
  /// all: `size` times as long as part.
  void gather(at::Tensor all, at::Tensor part);
  void reduce_scatter(at::Tensor part, at::Tensor all);
  void barrier();
  /// Throws Error on all ranks where they do not say the same.
  void agree(const std::string& on, const std::string& what);

  /// The tensor must not change before the other end has it.
  Pending send(const at::Tensor& x, int to, int tag);
  Pending receive(const at::Tensor& x, int from, int tag);

 private:
  struct Torch;  // keeps c10d's headers, 20 s a file, out of here
  GlooGroup(std::unique_ptr<Torch> torch, int rank, int size);

  int rank_, size_;
  std::unique_ptr<Torch> torch_;
};

}  // namespace pare::runtime
