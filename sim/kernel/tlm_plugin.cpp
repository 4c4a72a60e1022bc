#include "sim/kernel/tlm_plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "sim/base/error.h"
#include "sim/kernel/tlm_memory.h"

namespace npusim::kernel {

std::function<std::unique_ptr<mem::LateTarget>(const mem::MemorySpec&)> load_tlm_memory(
    const std::string& path) {
  // Without a slash dlopen would look in the system's folders.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw UserError(fmt::format("{}: cannot be loaded: {}", path, dlerror()));
  using Make = sc_core::sc_module* (*)(tlm::tlm_initiator_socket<>*);
  auto* const make = reinterpret_cast<Make>(dlsym(library, "npusim_tlm_memory"));
  if (make == nullptr) {
    throw UserError(
        fmt::format("{}: has no function 'npusim_tlm_memory'; expected extern \"C\" sc_core::sc_module* "
                    "npusim_tlm_memory(tlm::tlm_initiator_socket<>* npusim)",
                    path));
  }
  return [make, path](const mem::MemorySpec& memory) {
    const auto checked = [make, path](tlm::tlm_initiator_socket<>& npusim) {
      std::unique_ptr<sc_core::sc_module> module(make(&npusim));
      if (!module) throw UserError(fmt::format("{}: npusim_tlm_memory made no module", path));
      return module;
    };
    return make_tlm_memory(checked, memory.clock_hz, memory.dram.controller_cycles);
  };
}

}  // namespace npusim::kernel
