#include "pare/runtime/rank_group.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "pare/base/error.h"
#include "pare/base/progress.h"
#include "pare/runtime/cuda.h"

namespace pare::runtime {
namespace {

constexpr std::chrono::minutes to_meet(2);

using Store = c10::intrusive_ptr<c10d::Store>;
using Backend = c10::intrusive_ptr<c10d::Backend>;
using Options = c10::intrusive_ptr<c10d::ProcessGroupGloo::Options>;

// shared by groups of several sizes: -1 leaves the file to whoever made its folder
Store in_file(const std::filesystem::path& store, const std::string& name) {
  return c10::make_intrusive<c10d::PrefixStore>(name, c10::make_intrusive<c10d::FileStore>(store.string(), -1));
}

Options over(std::shared_ptr<gloo::transport::Device> device) {
  auto options = c10d::ProcessGroupGloo::Options::create();
  options->threads = 1;
  // ranks may wait long for one that has more to do; one that ends closes its connections, which is noticed at once
  options->timeout = std::chrono::hours(24);
  options->devices.push_back(std::move(device));
  return options;
}

Backend over_gloo(const Store& store, int rank, int size, Options options) {
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, std::move(options));
}

Options on_this_machine() { return over(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")); }

/// What Gloo throws where a rank ends says where in its sources it was noticed.
void wait_for(c10d::Work& work) {
  try {
    work.wait();
  } catch (const std::exception&) {
    throw Error("has ended, or can no longer be reached", "another rank", "see what it says; start all anew");
  }
}

Pending pending(c10::intrusive_ptr<c10d::Work> work) {
  return [work = std::move(work)] { wait_for(*work); };
}

/// Waits until all ranks are there; Gloo itself waits as long as for a rank that works.
void meet(c10d::Store& store, int rank, int size, const std::string& address) {
  using namespace std::chrono_literals;
  const auto key = [](int r) { return fmt::format("rank {}", r); };
  store.set(key(rank), std::vector<std::uint8_t>{1});
  const auto until = std::chrono::steady_clock::now() + to_meet;
  for (int r = 0; r < size; ++r)
    for (; !store.check({key(r)}); std::this_thread::sleep_for(50ms)) {
      stop_if_interrupted();
      if (std::chrono::steady_clock::now() > until)
        throw Error(fmt::format("is not there after {} minutes", to_meet.count()),
                    fmt::format("rank {} of {}", r, size),
                    fmt::format("do all ranks run, and reach {}?", printable(address)));
    }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) throw Error("is not set", name, "start the ranks with torchrun, or without RANK");
  return value;
}

int number_from_environment(const char* name, int least, int most) {
  const std::string text = variable(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    throw Error(fmt::format("is '{}', no number from {} to {}", printable(text), least, most), name);
  return value;
}

int local_rank() { return std::getenv("LOCAL_RANK") ? number_from_environment("LOCAL_RANK", 0, 1 << 10) : 0; }

/// NCCL takes the current device of the process.
at::Device take_device(int number) {
  if (const int count = cuda().devices(); number >= count)
    throw Error(fmt::format("there is no CUDA device {}, {} are to be seen", number, count), "--device",
                "start no more ranks than devices");
  const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(number));
  c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(device);
  return device;
}

}  // namespace

struct RankGroup::Torch {
  Backend backend;

  void all_reduce(at::Tensor x, const c10d::ReduceOp& how) {
    std::vector<at::Tensor> tensors{std::move(x)};
    c10d::AllreduceOptions options;
    options.reduceOp = how;
    wait_for(*backend->allreduce(tensors, options));
  }
};

RankGroup::RankGroup(std::unique_ptr<Torch> torch, int rank, int size, at::Device device)
    : rank_(rank), size_(size), device_(device), torch_(std::move(torch)) {}
RankGroup::RankGroup(const std::filesystem::path& store, const std::string& name, int rank, int size)
    : RankGroup(std::make_unique<Torch>(over_gloo(in_file(store, name), rank, size, on_this_machine())), rank, size,
                at::kCPU) {}

std::unique_ptr<RankGroup> RankGroup::over_nccl(const std::filesystem::path& store, int rank, int size) {
  const at::Device device = take_device(rank);
  auto torch = std::make_unique<Torch>(cuda().nccl(in_file(store, "nccl"), rank, size));
  return std::unique_ptr<RankGroup>(new RankGroup(std::move(torch), rank, size, device));
}

std::unique_ptr<RankGroup> RankGroup::from_environment(bool nccl) {
  if (!std::getenv("RANK") && !std::getenv("WORLD_SIZE")) return nullptr;
  constexpr int most_ranks = 1 << 16;
  const int size = number_from_environment("WORLD_SIZE", 1, most_ranks);
  const int rank = number_from_environment("RANK", 0, size - 1);
  if (size == 1) return nullptr;
  const std::string address = variable("MASTER_ADDR");
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(number_from_environment("MASTER_PORT", 1, 65535));
  // torchrun itself may keep the store
  const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  options.isServer = rank == 0 && !(agent && std::string(agent) == "True");
  options.numWorkers = static_cast<std::size_t>(size);
  options.waitWorkers = false;
  options.timeout = to_meet;
  const bool here = address == "localhost" || address == "127.0.0.1" || address == "::1";
  try {
    auto store = c10::make_intrusive<c10d::PrefixStore>("pare", c10::make_intrusive<c10d::TCPStore>(address, options));
    meet(*store, rank, size, address);
    const at::Device device = nccl ? take_device(local_rank()) : at::kCPU;
    auto torch = std::make_unique<Torch>(
        nccl ? cuda().nccl(store, rank, size)
             : over_gloo(store, rank, size,
                         here ? on_this_machine() : over(c10d::ProcessGroupGloo::createDefaultDevice())));
    return std::unique_ptr<RankGroup>(new RankGroup(std::move(torch), rank, size, device));
  } catch (const c10::Error& e) {
    throw Error(printable(e.what_without_backtrace(), 200), fmt::format("rank {} of {}", rank, size),
                fmt::format("do all ranks run, and does {} answer?", printable(address)));
  }
}

RankGroup::~RankGroup() = default;

void RankGroup::sum(at::Tensor x) { torch_->all_reduce(std::move(x), c10d::ReduceOp::SUM); }
void RankGroup::most(at::Tensor x) { torch_->all_reduce(std::move(x), c10d::ReduceOp::MAX); }
void RankGroup::gather(at::Tensor all, at::Tensor part) { wait_for(*torch_->backend->all_gather_single(all, part)); }
void RankGroup::reduce_scatter(at::Tensor part, at::Tensor all) {
  wait_for(*torch_->backend->reduce_scatter_single(part, all));
}
void RankGroup::all_to_all(at::Tensor to, at::Tensor from) {
  std::vector<std::int64_t> equal;
  wait_for(*torch_->backend->all_to_all_single(to, from, equal, equal));
}

void RankGroup::exchange(const at::Tensor& mine, const at::Tensor& theirs, int with) {
  // NCCL would wait in one for the other, but in one group
  const bool grouped = torch_->backend->supportsCoalescing();
  if (grouped) torch_->backend->startCoalescing();
  const Pending arrival = receive(theirs, with, 0), sent = send(mine, with, 0);
  if (grouped) return wait_for(*torch_->backend->endCoalescing());
  sent();
  arrival();
}

void RankGroup::barrier() {
  if (device_.is_cpu()) return wait_for(*torch_->backend->barrier());
  const at::Tensor met = at::zeros({1}, at::TensorOptions(device_));
  sum(met);
  met.item();  // waits for the device
}

void RankGroup::agree(const std::string& on, const std::string& what) {
  const auto hash = static_cast<std::int64_t>(std::hash<std::string>{}(on));
  const at::Tensor both = at::tensor({hash, ~hash}, at::kLong).to(device_);
  most(both);
  if (both[0].item<std::int64_t>() != hash || both[1].item<std::int64_t>() != ~hash)
    throw Error("differ between ranks", what, "start all ranks with the same command");
}

Pending RankGroup::send(const at::Tensor& x, int to, int tag) {
  std::vector<at::Tensor> tensors{x};
  return pending(torch_->backend->send(tensors, to, tag));
}

Pending RankGroup::receive(const at::Tensor& x, int from, int tag) {
  std::vector<at::Tensor> tensors{x};
  return pending(torch_->backend->recv(tensors, from, tag));
}

}  // namespace pare::runtime
