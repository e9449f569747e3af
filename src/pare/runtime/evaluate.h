// Accuracy of a network on labelled samples, and the logits it is read from.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/runtime/batch.h"
#include "pare/runtime/executor.h"
#include "pare/study/study.h"

namespace pare::runtime {

/// The first output for samples [first, first + count) of `data`, [count, classes] float32; batches are read while the
/// one before is computed. Throws Error where data and model do not fit.
at::Tensor logits(const Executor& network, const io::Dataset& data, std::size_t first, std::size_t count,
                  std::size_t batch, const std::string& label = "running");

struct Accuracy {
  double top1 = 0, top5 = 0;  // per cent
  std::int64_t classes = 0;
  double interval = 0;      // half-width of the 95 % interval of top1 (Wilson), percentage points
  double loss = 0;          // mean cross-entropy, nats
  std::vector<bool> right;  // sample by sample, top 1
};

/// Throws Error where there are no labels, or one lies outside the classes.
Accuracy accuracy(const at::Tensor& logits, const std::vector<std::int64_t>& labels, std::size_t first = 0);

/// top1, loss, and top5 where there are more than five classes.
std::vector<study::Cost> costs(const Accuracy& accuracy);

/// Difference of two accuracies on the same samples in points (b - a) with the half-width of its 95 % interval
/// (paired).
struct Difference {
  double points = 0, interval = 0;
};
Difference paired_difference(const std::vector<bool>& a, const std::vector<bool>& b);

/// Mean Kullback–Leibler divergence of softmax(b) from softmax(a) over the samples, nats.
double divergence(const at::Tensor& a, const at::Tensor& b);

}  // namespace pare::runtime
