// TLM-2.0 memory models from shared libraries.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/mem/late_target.h"
#include "sim/mem/memory.h"

namespace npusim::kernel {

/// Loads a shared library that has
///
///     extern "C" sc_core::sc_module* npusim_tlm_memory(tlm::tlm_initiator_socket<>* npusim);
///
/// which makes the memory model (on the heap; npusim deletes it) and binds `npusim` to its target socket. The
/// result is for MemorySpec::external; responses are delayed by the chip's `dram.controller_cycles`. The
/// library stays loaded. Throws UserError, starting with the path, when it cannot be loaded or lacks the
/// function.
std::function<std::unique_ptr<mem::LateTarget>(const mem::MemorySpec&)> load_tlm_memory(
    const std::string& path);

}  // namespace npusim::kernel
