#include "pare/cluster/gloo.h"

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace pare::cluster {
namespace {

c10::intrusive_ptr<c10d::ProcessGroupGloo::Options> on_this_machine() {
  auto options = c10d::ProcessGroupGloo::Options::create();
  options->threads = 1;
  options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
  return options;
}

Pending pending(c10::intrusive_ptr<c10d::Work> work) {
  return [work] { work->wait(); };
}

}  // namespace

struct GlooGroup::Torch {
  // the store is shared by groups of several sizes: -1 leaves its file to whoever made the folder
  Torch(const std::filesystem::path& store, const std::string& name, int rank, int size)
      : gloo(c10::make_intrusive<c10d::PrefixStore>(name, c10::make_intrusive<c10d::FileStore>(store.string(), -1)),
             rank, size, on_this_machine()) {}

  c10d::ProcessGroupGloo gloo;

  void all_reduce(at::Tensor x, c10d::ReduceOp how) {
    std::vector<at::Tensor> tensors{std::move(x)};
    c10d::AllreduceOptions options;
    options.reduceOp = how;
    gloo.allreduce(tensors, options)->wait();
  }
};

GlooGroup::GlooGroup(const std::filesystem::path& store, const std::string& name, int rank, int size)
    : torch_(std::make_unique<Torch>(store, name, rank, size)) {}
GlooGroup::~GlooGroup() = default;

void GlooGroup::sum(at::Tensor x) { torch_->all_reduce(std::move(x), c10d::ReduceOp::SUM); }
void GlooGroup::most(at::Tensor x) { torch_->all_reduce(std::move(x), c10d::ReduceOp::MAX); }
void GlooGroup::gather(at::Tensor all, at::Tensor part) { torch_->gloo.all_gather_single(all, part)->wait(); }
void GlooGroup::reduce_scatter(at::Tensor part, at::Tensor all) {
  torch_->gloo.reduce_scatter_single(part, all)->wait();
}
void GlooGroup::barrier() { torch_->gloo.barrier()->wait(); }

Pending GlooGroup::send(const at::Tensor& x, int to, int tag) {
  std::vector<at::Tensor> tensors{x};
  return pending(torch_->gloo.send(tensors, to, tag));
}

Pending GlooGroup::receive(const at::Tensor& x, int from, int tag) {
  std::vector<at::Tensor> tensors{x};
  return pending(torch_->gloo.recv(tensors, from, tag));
}

}  // namespace pare::cluster
