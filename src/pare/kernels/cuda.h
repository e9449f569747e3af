// The aggregation kernels on a CUDA device: the same Job as on the processor, with pointers to device memory.
//
// Only with PARE_CUDA. No CUDA header is needed to call them, and no torch. Sums are taken in an order that depends on
// the layout alone, without atomics: results are the same from run to run and from device to device.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "pare/kernels/layout.h"

namespace pare::kernels::cuda {

/// cudaStream_t; null: the default stream.
using Stream = void*;

/// Rows taken apart: a row of more than `longest_row` edges is summed in pieces, which are then added in their order.
struct Split {
  std::int64_t longest_row = INT64_MAX;
  std::int64_t pieces = 0, rows = 0;
  const Piece* piece = nullptr;               // [pieces], those of a row one after the other
  const std::int64_t* first_piece = nullptr;  // [rows + 1]: pieces of each long row
  float* sums = nullptr;                      // [pieces, width]: room for what they come to
};

constexpr std::int64_t longest_row = 1024;
/// The pieces of a layout without blocks, and where those of each long row begin. begin: host memory, [rows + 1].
struct Pieces {
  std::vector<Piece> piece;
  std::vector<std::int64_t> first_piece{0};
};
Pieces pieces_of(const std::int64_t* begin, std::int64_t rows);

/// As kernels::run; every pointer of the job is to device memory, argmax too. Blocks hold at most 256 rows; Reduce::max
/// takes no blocks; a job that is not the first of several needs a float32 y. Returns once all is queued on the stream.
/// Throws Error for what the device refuses.
void run(const Job& job, const Split& split = {}, Stream stream = nullptr);

/// 0 where there is none, or no driver.
int device_count();
/// "NVIDIA H200", ...; of the device in use.
const char* device_name();
void wait(Stream stream = nullptr);

/// Device memory. Throws Error where there is not enough.
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t bytes);
  Memory(const void* host, std::size_t bytes);

  void* data() const { return data_.get(); }
  void read(void* host, std::size_t bytes) const;  // waits for the default stream

 private:
  struct Release {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Release> data_;
};

/// A layout copied to the device, long rows taken apart.
class DeviceLayout {
 public:
  explicit DeviceLayout(const Layout& host);

  const Layout& layout() const { return layout_; }
  /// With room for sums of that width; the largest so far is kept.
  Split split(std::int64_t width);
  std::size_t bytes() const { return bytes_; }

 private:
  template <class T>
  const T* copy(const T* host, std::int64_t count);
  Edges copy(const Edges& host, std::int64_t places);

  Layout layout_;
  std::vector<Memory> memory_;
  std::size_t bytes_ = 0;
  Split split_;
  Memory sums_;
  std::size_t sums_bytes_ = 0;
};

}  // namespace pare::kernels::cuda
