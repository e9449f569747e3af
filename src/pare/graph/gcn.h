// The matrix that graph convolutions multiply with (Kipf and Welling 2017).
#pragma once
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

/// 1 / sqrt(sum of the row's weights), [rows]; 0 for a row whose sum is not positive.
std::vector<float> degree_scales(const Adjacency& a);

/// D^-1/2 (A + I) D^-1/2, weights written out; D: the row sums of A + I.
Adjacency gcn_matrix(const Adjacency& a);

}  // namespace pare::graph
