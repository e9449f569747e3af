// Nodes of a network as layers of a chain.
#pragma once
#include <vector>

#include "pare/imaging/network.h"

namespace pare::imaging {

/// What a chain needs to know about a network beside its nodes.
struct NetworkView {
  explicit NetworkView(const model::Model& network);

  const model::Node* maker(model::ValueId value) const;  // null: an input or a constant
  /// The floats of a constant; throws Error where the node's input is none.
  std::vector<double> constant(const model::Node& node, std::size_t input, const char* what) const;

  const model::Model& model;
  std::vector<std::vector<std::size_t>> readers;  // nodes that read each value

 private:
  std::vector<const model::Node*> makers_;
};

/// The layer that a Conv, MaxPool or AveragePool begins; `lost_rows` and `lost_columns` of what it reads. Throws Error
/// for what no pipeline can do.
Layer begin_layer(const NetworkView& network, const model::Node& node, int inputs, int lost_rows, int lost_columns);
bool begins_layer(model::Op op);

/// Adds a node to the layer before it: a normalisation, an activation. Throws Error where it does not belong there.
void continue_layer(const NetworkView& network, const model::Node& node, Layer& layer);

/// Of a FakeQuantize.
Levels levels_of(const NetworkView& network, const model::Node& node, int channels);

}  // namespace pare::imaging
