// A chain of convolutions, activations and pooling out of a network, and the same in integers: what a pipeline can be
// written from.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "pare/imaging/pipeline.h"
#include "pare/model/model.h"

namespace pare::imaging {

/// The integers that stand for a value: n of channel c is worth scales[c] * n.
struct Levels {
  std::vector<double> scales;        // [channels], > 0
  std::int64_t low = 0, high = 0;    // the least and the greatest
  std::vector<std::int64_t> uneven;  // all of them, ascending; empty: every integer from low to high
  bool operator==(const Levels&) const = default;
};

/// Weights as a recipe stores them: element i is worth scales[i] * integers[i].
struct CodedWeights {
  std::vector<std::int64_t> integers;
  std::vector<double> scales;
};

enum class LayerKind { convolution, average, maximum };

/// A window's weighted sum, mean or maximum, then an activation. Sums run over k, i, j of
///   weights[o, k, i, j] * x[reads[o, k], stride * row - top + dilation_y * i, stride * column - left + dilation_x *
///   j].
struct Layer {
  LayerKind kind = LayerKind::convolution;
  std::string node;  // for messages: Conv 'conv1'
  std::string name;  // of its stage: distinct within the chain
  int inputs = 0, outputs = 0;
  int taps = 1;            // input channels that one output reads
  std::vector<int> reads;  // [outputs, taps]
  bool grouped = false;    // false: reads[o, k] is k
  int height = 1, width = 1, stride = 1, dilation_y = 1, dilation_x = 1, top = 0, left = 0;
  int lost_rows = 0, lost_columns = 0;  // of the network's output against the input's size / all strides so far
  std::vector<double> weights;          // [outputs, taps, height, width], of convolutions
  std::optional<CodedWeights> coded;    // the same
  std::vector<double> gains, offsets;   // [outputs]: y = gain * sum + offset
  double slope = 1;                     // of values below 0
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();  // then
  std::optional<Levels> levels;  // that a recipe rounds to, last

  std::size_t window() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width); }
  bool has_padding() const { return top > 0 || left > 0 || reads_beyond; }
  bool reads_beyond = false;  // rows below or columns to the right of the last
};

struct Chain {
  std::string from, to;          // values of the network
  bool from_image = true;        // `from` is an input of the network
  int channels = 1;              // of `from`
  std::optional<Levels> levels;  // of `from`, where a recipe rounds it
  std::vector<Layer> layers;     // the first is a convolution or pooling
  std::string stopped;           // why it is no longer: "Flatten 'flatten' is ..."
};

struct ChainRequest {
  std::string from;  // a value; empty: the network's only image
  std::string to;    // a value or node that must be reached; empty: as far as it goes
  int layers = 0;    // convolutions; 0: as many as there are
};

/// Takes the chain out of a network, to which a recipe may have been applied (model/recipe.h). Throws Error naming the
/// node that begins no chain, or that stands before the end that is asked for.
Chain take_chain(const model::Model& model, const ChainRequest& request);

/// Keeps some channels of the chain's output, in ascending order, and what they need. Throws UsageError for a channel
/// that there is not.
void keep_channels(Chain& chain, const std::vector<int>& channels);

/// Channels of real numbers.
struct Maps {
  int channels = 0, width = 0, height = 0;
  std::vector<double> values;  // [channels, height, width]

  double& at(int c, int y, int x) { return values[index(c, y, x)]; }
  double at(int c, int y, int x) const { return values[index(c, y, x)]; }

 private:
  std::size_t index(int c, int y, int x) const {
    return (static_cast<std::size_t>(c) * static_cast<std::size_t>(height) + static_cast<std::size_t>(y)) *
               static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x);
  }
};

/// The chain in double precision with the network's own borders; the output of every layer. Rounded to the levels of
/// `from` and of layers where `rounded`.
std::vector<Maps> evaluate(const Chain& chain, const Maps& image, bool rounded);

/// How bytes of an image are the network's input: x = (byte / 255 - mean) / std.
struct Normalisation {
  std::vector<double> mean, std;  // [channels]
};

/// The least and the greatest of every layer's output.
struct Extent {
  double low = 0, high = 0;
};
/// That any image could reach, by interval arithmetic.
std::vector<Extent> bounds(const Chain& chain, const Normalisation& normalisation);

/// A layer in integers. With acc[p] the sums over the integers of part p (of averages and maxima there is one part)
///   v = 2^-shift * (sum of multipliers[p, o] * acc[p] + offset), below 0 times leak * 2^-leak_shift,
/// rounded to the nearest of the levels between low and high, halves up.
struct IntegerLayer {
  int parts = 1;
  std::vector<std::int64_t> weights;      // [parts, outputs, taps, height, width]
  std::vector<std::int64_t> multipliers;  // [parts, outputs]
  std::vector<int> shifts;                // [outputs]
  std::vector<std::int64_t> offsets;      // [outputs]
  std::int64_t leak = 1;
  int leak_shift = 0;
  std::vector<double> low, high;  // [outputs], in integers of the output; halves where levels are uneven
  Levels levels;                  // of the output
  Range range;                    // of all its channels
  bool passes = false;            // a maximum that stays as it is
};

struct IntegerChain {
  Type input;                                     // of the image, or of the integers of `from`
  std::vector<std::vector<std::int64_t>> lookup;  // [channels, 256]: integers for each byte; or
  std::vector<std::int64_t> zeros;                // [channels]: the byte that is 0, where not all are 0; or neither
  Levels levels;                                  // of what the first layer reads
  std::vector<IntegerLayer> layers;
};

struct IntegerOptions {
  int bits = 8;  // of weights and values about which a recipe says nothing
  int multiplier_bits = 12;
};

/// `extents` [layers] are used for values that no recipe rounds. Throws Error naming the node whose sums are too wide.
IntegerChain to_integers(const Chain& chain, const Normalisation& normalisation, const std::vector<Extent>& extents,
                         const IntegerOptions& options);

/// The pipeline as text, without its first comment.
std::string to_text(const Chain& chain, const IntegerChain& integers);

}  // namespace pare::imaging
