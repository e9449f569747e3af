// A group of ranks that communicate through torch's c10d.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace pare::runtime {

/// Waits for something begun to end.
using Pending = std::function<void()>;

/// Over Gloo, an operation has ended when its function returns; over NCCL, when what the device's stream held by then
/// is done.
class RankGroup {
 public:
  /// Over Gloo, on this machine. All `size` members construct it at once. store: a file that is not there yet, the same
  /// for all; name: tells groups of one store apart.
  RankGroup(const std::filesystem::path& store, const std::string& name, int rank, int size);
  ~RankGroup();

  /// The same over NCCL, each rank on the CUDA device of its number, which is made the current one. Throws Error where
  /// this pare has no CUDA.
  static std::unique_ptr<RankGroup> over_nccl(const std::filesystem::path& store, int rank, int size);

  /// As torchrun's environment says (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT); null where it says nothing, or there
  /// is one rank only. Over Gloo, or over NCCL on the device of LOCAL_RANK, which is made the current one. Throws Error
  /// where a variable is missing or wrong, or the others cannot be reached.
  static std::unique_ptr<RankGroup> from_environment(bool nccl = false);

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Where tensors have to lie.
  at::Device device() const { return device_; }

  void sum(at::Tensor x);
  void most(at::Tensor x);
  /// all: `size` times as long as part.
  void gather(at::Tensor all, at::Tensor part);
  void reduce_scatter(at::Tensor part, at::Tensor all);
  /// Of each tensor, part r is for rank r, and comes from it.
  void all_to_all(at::Tensor to, at::Tensor from);
  /// Both ways at once. NCCL asks both ends to name each other.
  void exchange(const at::Tensor& mine, const at::Tensor& theirs, int with);
  void barrier();
  /// Throws Error on all ranks where they do not say the same.
  void agree(const std::string& on, const std::string& what);

  /// The tensor must not change before the other end has it.
  Pending send(const at::Tensor& x, int to, int tag);
  Pending receive(const at::Tensor& x, int from, int tag);

 private:
  struct Torch;  // keeps c10d's headers, 20 s a file, out of here
  RankGroup(std::unique_ptr<Torch> torch, int rank, int size, at::Device device);

  int rank_, size_;
  at::Device device_;
  std::unique_ptr<Torch> torch_;
};

}  // namespace pare::runtime
