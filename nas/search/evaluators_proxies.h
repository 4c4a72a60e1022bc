// Data-free scores of untrained networks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::search {

/// "synflow", "naswot", "params", "macs".
const std::vector<std::string>& proxy_names();

/// The score of that name. Throws UserError for an unknown name, with the nearest, and for an operator that
/// the score is not defined for.
double proxy_score(const std::string& name, const ir::Graph& graph, std::uint64_t seed);

/// ln of the synaptic flow (Tanaka et al., arXiv 2006.05467), sum over weights w of |w dR/dw|, where R is the
/// sum of the outputs for an input of ones through a network with weights |w|, no biases, normalisations left
/// out (as Abdelfattah et al., arXiv 2101.08134) and functions taken at their limits for large arguments:
/// ReLU and its like the identity, gates 1. Since R is a polynomial of the weights, the sum is the derivative
/// of R(a |w|) by a at 1, which one forward pass of numbers with derivatives gives: exact, no backward pass.
double synflow(const ir::Graph& graph, std::uint64_t seed);

/// NASWOT (Mellor et al., arXiv 2006.04647): ln |det K|, K_ij = units of rectifiers whose on/off state is the
/// same for images i and j, over 16 random images; BatchNorm by the batch's own statistics.
double naswot(const ir::Graph& graph, std::uint64_t seed);

/// The graph at another batch size with an image of about `side` cells; the graph itself where its
/// shapes cannot follow. Every operator keeps its attributes.
ir::Graph resized(const ir::Graph& graph, std::int64_t batch, std::int64_t side);

}  // namespace npusim::search
