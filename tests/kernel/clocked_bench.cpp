#include "tests/kernel/clocked_bench.h"

#include <systemc>

#include "sim/base/error.h"

namespace npusim::kernel::test {

namespace {

/// Toggles the clock while the engine is busy and counts rising edges; then pauses the simulation.
class Driver : public sc_core::sc_module {
 public:
  Driver(const sc_core::sc_module_name& name, ClockedEngine& engine) : sc_module(name), engine_(engine) {
    SC_HAS_PROCESS(Driver);
    engine.clock(clock_);
    SC_METHOD(toggle);
    sensitive << go_;
    dont_initialize();
  }
  std::int64_t run(std::int64_t limit) {
    edges_ = 0;
    limit_ = limit;
    go_.notify(sc_core::SC_ZERO_TIME);
    sc_core::sc_start();
    return edges_;
  }

 private:
  void toggle() {
    const bool high = clock_.read();
    if (!high && (!engine_.busy() || edges_ >= limit_)) return;
    clock_.write(!high);
    if (!high) ++edges_;
    next_trigger(1, sc_core::SC_NS);
  }
  ClockedEngine& engine_;
  sc_core::sc_signal<bool> clock_{"clock"};
  sc_core::sc_event go_{"go"};
  std::int64_t edges_ = 0;
  std::int64_t limit_ = 0;
};

/// Makes a context current while it lives.
class Current {
 public:
  explicit Current(sc_core::sc_simcontext* context) : previous_(sc_core::sc_curr_simcontext) {
    sc_core::sc_curr_simcontext = context;
  }
  ~Current() { sc_core::sc_curr_simcontext = previous_; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  sc_core::sc_simcontext* previous_;
};

sc_core::sc_simcontext* new_context() {
  sc_core::sc_get_curr_simcontext();  // makes SystemC's own default context first
  return new sc_core::sc_simcontext();
}

program::Program empty_program(const program::Target& target) {
  program::Program program;
  program.target = &target;
  return program;
}

}  // namespace

struct Bench::Parts {
  explicit Parts(const program::Target& target) : empty(empty_program(target)), storage(empty) {}
  program::Program empty;
  program::Storage storage;
  std::unique_ptr<sc_core::sc_simcontext> context{new_context()};
  std::unique_ptr<ClockedEngine> engine;
  std::unique_ptr<Driver> driver;
};

Bench::Bench(const program::Target& target, const Make& make) : parts_(std::make_unique<Parts>(target)) {
  const Current scope(parts_->context.get());
  parts_->engine = make();
  parts_->driver = std::make_unique<Driver>("driver", *parts_->engine);
}

Bench::~Bench() {
  const Current scope(parts_->context.get());
  parts_->driver.reset();
  parts_->engine.reset();
}

program::Storage& Bench::storage() { return parts_->storage; }

std::int64_t Bench::run(const program::Program& program, const program::Command& command,
                        std::int64_t limit) {
  const Current scope(parts_->context.get());
  parts_->engine->begin(program, command, parts_->storage);
  const std::int64_t edges = parts_->engine->busy() ? parts_->driver->run(limit) : 0;
  ensure(!parts_->engine->busy(), "a twin ends within the limit of edges");
  return edges;
}

}  // namespace npusim::kernel::test
