// The aggregation kernels on a CUDA device: the same Job as on the processor, with pointers to device memory.
//
// Only with PARE_CUDA. No CUDA header is needed to call them, and no torch. Sums are taken in an order that depends on
// the layout and the width alone: results are the same from run to run and from device to device.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "pare/kernels/layout.h"

namespace pare::kernels::cuda {

/// cudaStream_t; null: the default stream.
using Stream = void*;

constexpr int warp = 32;         // threads
constexpr int edges_a_step = 8;  // that a thread has under way
constexpr int steps_a_row = 8;   // at most, before a row is taken apart: each costs as much as one read of memory

/// How the rows of a layout without blocks are shared out. Rows of more than `longest` edges are taken apart; the group
/// of threads that is the last to sum a piece of such a row adds the pieces up, in their order.
struct Schedule {
  int row_slots = 1;  // edges of a row that are summed side by side, a power of two
  std::int64_t longest = INT64_MAX;
  std::int64_t pieces = 0, rows = 0;          // of long rows; those of a row one after the other
  const Piece* piece = nullptr;               // [pieces]
  const std::int32_t* row_of = nullptr;       // [pieces]: which of the long rows
  const std::int64_t* first_piece = nullptr;  // [rows + 1]
  float* sums = nullptr;                      // [pieces, width]: room for what they come to
  std::int32_t* arrived = nullptr;            // [rows, panels(width)]: 0 between runs
};

/// Features are worked on in panels, by `lanes` threads of `features_at_once` (4, or 1 where memory is not aligned).
int lanes_of(std::int64_t width, int features_at_once);
/// Panels where features are taken one at a time, of which there are most.
std::int64_t panels(std::int64_t width);

/// Edges of the longest row that suits so many lanes: several steps of what a warp has under way.
std::int64_t longest_row(int lanes);
int row_slots(double edges_a_row, int lanes);

/// The pieces of a layout without blocks, and where those of each long row begin. begin: host memory, [rows + 1].
struct Pieces {
  std::vector<Piece> piece;
  std::vector<std::int32_t> row_of;
  std::vector<std::int64_t> first_piece{0};
};
Pieces pieces_of(const std::int64_t* begin, std::int64_t rows, std::int64_t longest);

/// As kernels::run; every pointer of the job is to device memory, argmax too. Blocks hold at most 256 rows; Reduce::max
/// takes no blocks; a job that is not the first of several needs a float32 y. Returns once all is queued on the stream.
/// Throws Error for what the device refuses.
void run(const Job& job, const Schedule& schedule = {}, Stream stream = nullptr);

/// As the functions of aggregate.h, over device memory. nonzeros: those of `a`, whose arrays are on the device.
void edge_dots(const Csr& a, std::int64_t nonzeros, const Input& u, const Input& v, int heads, float* out,
               Stream stream = nullptr);
void edge_softmax(const Csr& a, std::int64_t nonzeros, const float* score, int heads, float* out,
                  Stream stream = nullptr);
void edge_softmax_gradient(const Csr& a, std::int64_t nonzeros, const float* p, const float* grad, int heads,
                           float* out, Stream stream = nullptr);

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

/// A layout copied to the device, long rows taken apart. The schedules share room on the device: one run at a time.
class DeviceLayout {
 public:
  explicit DeviceLayout(const Layout& host);

  const Layout& layout() const { return layout_; }
  /// For features of that width, made when first asked for; of a layout with blocks there is none to make.
  Schedule schedule(std::int64_t width);
  std::size_t bytes() const { return bytes_; }

 private:
  template <class T>
  const T* copy(const T* host, std::int64_t count);
  Edges copy(const Edges& host, std::int64_t places);

  Layout layout_;
  std::vector<std::int64_t> begin_;  // of rows; empty with blocks
  std::vector<Memory> memory_;
  std::size_t bytes_ = 0;
  std::map<std::int64_t, Schedule> schedules_;
};

}  // namespace pare::kernels::cuda
