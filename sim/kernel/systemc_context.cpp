#include "sim/kernel/systemc_context.h"

namespace npusim::kernel {

sc_core::sc_simcontext* new_context() {
  sc_core::sc_get_curr_simcontext();
  return new sc_core::sc_simcontext();
}

}  // namespace npusim::kernel

/// SystemC's library refers to it; npusim's main() is its own.
int sc_main(int /*argc*/, char* /*argv*/[]) { return 0; }
