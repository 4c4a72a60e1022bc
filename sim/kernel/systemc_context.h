// SystemC contexts: several simulations, each with a time of its own, in one process.
#pragma once

#include <systemc>

namespace npusim::kernel {

/// Makes a SystemC context the current one while it lives.
class ContextScope {
 public:
  explicit ContextScope(sc_core::sc_simcontext* context) : previous_(sc_core::sc_curr_simcontext) {
    sc_core::sc_curr_simcontext = context;
  }
  ~ContextScope() { sc_core::sc_curr_simcontext = previous_; }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  sc_core::sc_simcontext* previous_;
};

/// A context of one's own. SystemC's default context is made first, because modules made outside any scope
/// belong to it.
sc_core::sc_simcontext* new_context();

}  // namespace npusim::kernel
