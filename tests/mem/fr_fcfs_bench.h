// Shared by the tests of the FR-FCFS controller: its rules, mappings and policies by name.
#pragma once

#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/mem/dram/fr_fcfs_controller.h"
#include "sim/mem/dram/replay.h"
#include "tests/mem/ticking_controller.h"

namespace npusim::mem::test {

/// "RoBaCo" as a mapping of this channel.
inline AddressMapping mapping(const DramRules& rules, const std::string& name) {
  std::string text = rules.ranks > 1 ? "ra" : "";
  for (std::size_t i = 0; i < name.size(); i += 2) {
    const std::string field = name.substr(i, 2);
    text += field == "Ro" ? " ro" : field == "Ba" ? " ba" : field == "Bg" ? " bg" : " co";
  }
  return {rules, text, name};
}

template <class Action>
std::string user_error(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace npusim::mem::test
