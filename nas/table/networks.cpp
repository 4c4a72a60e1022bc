#include "nas/table/networks.h"

#include <fmt/format.h>

#include <charconv>

#include "sim/base/error.h"

namespace npusim::table {

ir::Graph chain_of(const std::vector<const space::Block*>& blocks, std::int64_t batch,
                   const std::string& name) {
  ensure(!blocks.empty(), "a chain of at least one block");
  ir::Shape input = blocks.front()->input;
  input.at(0) = batch;
  zoo::Builder b(name, input);
  zoo::TensorId x = b.input();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    ir::Shape expected = blocks[i]->input;
    expected.at(0) = batch;
    if (expected != b.shape(x)) {
      throw InternalError(fmt::format("block {} takes {}, but {} comes before it", blocks[i]->name,
                                      ir::to_string(expected), ir::to_string(b.shape(x))));
    }
    x = blocks[i]->append(b, fmt::format("b{}_", i), x);
  }
  return b.finish(x);
}

ir::Graph chain_of(const std::vector<space::Block>& blocks, std::int64_t batch, const std::string& name) {
  std::vector<const space::Block*> list;
  for (const space::Block& block : blocks) list.push_back(&block);
  return chain_of(list, batch, name);
}

std::size_t place_of(const std::string& layer) {
  if (layer.empty() || layer[0] != 'b') return kNoPlace;
  std::size_t place = 0;
  const char* const end = layer.data() + layer.size();
  const auto [stop, status] = std::from_chars(layer.data() + 1, end, place);
  return status == std::errc() && stop != end && *stop == '_' ? place : kNoPlace;
}

}  // namespace npusim::table
