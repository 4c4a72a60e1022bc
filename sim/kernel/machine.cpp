// The only file that sees SystemC, with its siblings in this folder.
#include "sim/kernel/machine.h"

#include <fmt/format.h>

#include <exception>
#include <systemc>
#include <utility>

#include "sim/base/error.h"
#include "sim/kernel/execution.h"
#include "sim/kernel/memory_processes.h"
#include "sim/kernel/systemc_context.h"

namespace npusim::kernel {

namespace {

/// Calls `body`, keeping the first exception: SystemC would turn it into an sc_report and lose its type.
template <class Body>
void guarded(std::exception_ptr& failure, Body&& body) {
  if (failure) return;
  try {
    body();
  } catch (...) {
    failure = std::current_exception();
  }
}

sc_core::sc_time ticks(std::int64_t cycles) {
  return sc_core::sc_time::from_value(static_cast<sc_core::sc_time::value_type>(cycles));
}

/// What the modules share. SystemC's time counts main-clock cycles: one tick of its resolution is one cycle.
struct Shared {
  explicit Shared(const MachineSpec& machine_spec) : spec(machine_spec) {}
  const MachineSpec& spec;
  Execution* execution = nullptr;
  std::exception_ptr failure;
  std::int64_t base = 0;    ///< SystemC tick at which the current program started
  std::int64_t events = 0;  ///< process activations
  [[nodiscard]] std::int64_t now() const {
    return static_cast<std::int64_t>(sc_core::sc_time_stamp().value()) - base;
  }
};

/// How engines hand transfers to the memory system.
class TransferStarter {
 public:
  virtual ~TransferStarter() = default;
  virtual void start_transfer(std::size_t engine, std::int64_t at) = 0;
};

/// One engine: takes its queue's commands in order, waits for flags, holds itself for what the timing says.
class EngineModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(EngineModule);
  EngineModule(const sc_core::sc_module_name& name, std::size_t index, KernelKind kind, Shared& shared,
               TransferStarter& memory)
      : sc_module(name), index_(index), kind_(kind), shared_(shared), memory_(memory) {
    SC_METHOD(activate);
    sensitive << wake_;
    dont_initialize();
  }

  void wake() { wake_.notify(sc_core::SC_ZERO_TIME); }
  void reset() { state_ = State::idle; }

  /// The memory system has finished this engine's oldest transfer.
  void transfer_done(const mem::Completion& done) {
    const bool write = shared_.spec.memory.ports[done.port].write;
    shared_.execution->add_bytes(index_, write, done.dram_bytes, done.sram_bytes);
    const std::int64_t held = done.release.count() - done.start.count();
    shared_.execution->complete(index_, {done.start.count(), done.release.count(), done.end.count(),
                                         std::min(done.ideal.count(), held), trace::Stall::dram});
    wake();
  }

 private:
  enum class State { idle, computing };

  void activate() {
    ++shared_.events;
    guarded(shared_.failure, [this] { kind_ == KernelKind::run_ahead ? run_ahead() : run_in_time(); });
  }

  /// Runs as many commands as flags allow, ahead of global time; only flags and memory hold it up.
  void run_ahead() {
    std::int64_t at = 0;
    while (state_ == State::idle && shared_.execution->ready(index_, at)) {
      begin(at);
      if (state_ == State::computing) finish();
    }
  }

  /// One transition per activation, in global time.
  void run_in_time() {
    const std::int64_t now = shared_.now();
    if (state_ == State::computing) {
      if (now < end_) return next_trigger_at(end_);
      finish();
    }
    std::int64_t at = 0;
    if (state_ != State::idle || !shared_.execution->ready(index_, at)) return;
    if (at > now) return next_trigger_at(at);
    begin(at);
    next_trigger_at(state_ == State::computing ? end_ : now + 1);
  }

  void next_trigger_at(std::int64_t cycle) { wake_.notify(ticks(cycle - shared_.now())); }

  void begin(std::int64_t at) {
    if (shared_.spec.engines[index_].memory_port >= 0) {
      memory_.start_transfer(index_, at);
      shared_.execution->start(index_, at);
      return;
    }
    const auto& command = shared_.execution->start(index_, at);
    duration_ = shared_.spec.engines[index_].timing(command);
    ensure(duration_.cycles >= 1, "a command takes at least one cycle");
    state_ = State::computing;
    start_ = at;
    end_ = at + duration_.cycles;
  }

  void finish() {
    state_ = State::idle;
    shared_.execution->complete(index_, {start_, end_, end_, duration_.cycles - duration_.bank_conflict,
                                         trace::Stall::bank_conflict});
  }

  std::size_t index_;
  KernelKind kind_;
  Shared& shared_;
  TransferStarter& memory_;
  sc_core::sc_event wake_;
  State state_ = State::idle;
  Duration duration_;
  std::int64_t start_ = 0;
  std::int64_t end_ = 0;
};

/// A dispatcher: issues commands until a queue is full.
class DispatcherModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(DispatcherModule);
  DispatcherModule(const sc_core::sc_module_name& name, std::size_t index, Shared& shared)
      : sc_module(name), index_(index), shared_(shared) {
    SC_METHOD(activate);
    sensitive << wake_;
    dont_initialize();
  }
  void wake() { wake_.notify(sc_core::SC_ZERO_TIME); }

 private:
  void activate() {
    ++shared_.events;
    guarded(shared_.failure, [this] { shared_.execution->dispatch(index_); });
  }
  std::size_t index_;
  Shared& shared_;
  sc_core::sc_event wake_;
};

/// The whole memory domain as one process that runs ahead to the next completion. It is notified one tick
/// ahead, so that every engine that can still start a transfer has done so.
class MemoryModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(MemoryModule);
  MemoryModule(const sc_core::sc_module_name& name, Shared& shared,
               std::function<void(const mem::Completion&)> deliver)
      : sc_module(name),
        shared_(shared),
        domain_(mem::make_memory_domain(shared.spec.memory)),
        deliver_(std::move(deliver)) {
    SC_METHOD(activate);
    sensitive << wake_;
    dont_initialize();
  }
  void start(std::size_t port, std::span<const program::Region> runs, std::int64_t at) {
    domain_->start(port, runs, Cycles(at));
    wake_.notify(ticks(1));
  }
  mem::MemoryDomain& domain() { return *domain_; }

 private:
  void activate() {
    ++shared_.events;
    guarded(shared_.failure, [this] {
      const auto done = domain_->next_completion();
      if (!done) return;
      wake_.notify(ticks(1));
      deliver_(*done);
    });
  }
  Shared& shared_;
  std::unique_ptr<mem::MemoryDomain> domain_;
  std::function<void(const mem::Completion&)> deliver_;
  sc_core::sc_event wake_;
};

}  // namespace

struct Machine::Impl : Waker, TransferStarter {
  Impl(const program::Target& target, const MachineSpec& spec, KernelKind kernel_kind)
      : kind(kernel_kind), shared(spec), execution(target, spec, *this) {
    shared.execution = &execution;
    const auto deliver = [this](const mem::Completion& done) {
      engines[port_engine.at(done.port)]->transfer_done(done);
    };
    for (std::size_t i = 0; i < spec.engines.size(); ++i) {
      engines.push_back(
          std::make_unique<EngineModule>(fmt::format("engine{}", i).c_str(), i, kind, shared, *this));
      const std::int32_t port = spec.engines[i].memory_port;
      if (port < 0) continue;
      port_engine.resize(std::max(port_engine.size(), static_cast<std::size_t>(port) + 1));
      port_engine[static_cast<std::size_t>(port)] = i;
    }
    for (std::size_t i = 0; i < spec.dispatchers.size(); ++i) {
      dispatchers.push_back(
          std::make_unique<DispatcherModule>(fmt::format("dispatcher{}", i).c_str(), i, shared));
    }
    if (kind == KernelKind::run_ahead) {
      memory = std::make_unique<MemoryModule>("memory", shared, deliver);
    } else {
      processes = std::make_unique<MemoryProcesses>(
          spec.memory, [this] { return shared.now(); }, shared.failure, shared.events, deliver);
    }
  }

  void wake_engine(std::size_t engine) override { engines[engine]->wake(); }
  void wake_dispatcher(std::size_t dispatcher) override { dispatchers[dispatcher]->wake(); }
  void start_transfer(std::size_t engine, std::int64_t at) override {
    const auto port = static_cast<std::size_t>(shared.spec.engines[engine].memory_port);
    const auto regions = execution.next_regions(engine);
    // Of a DMA command's regions only those in the global space go through the memory system.
    const auto* first = regions.data();
    std::size_t count = 0;
    for (const auto& region : regions) {
      if (region.space != global_space) continue;
      if (count == 0) first = &region;
      ensure(&region == first + count, "a DMA command's global regions stand together");
      ++count;
    }
    if (memory) {
      memory->start(port, std::span(first, count), at);
    } else {
      processes->start(port, std::span(first, count), at);
    }
  }
  void reset_memory() { memory ? memory->domain().reset() : processes->reset(); }
  [[nodiscard]] mem::MemoryCounters memory_counters() {
    return memory ? memory->domain().counters() : processes->counters();
  }

  KernelKind kind;
  Shared shared;
  Execution execution;
  program::SpaceId global_space = 0;
  std::vector<std::unique_ptr<EngineModule>> engines;
  std::vector<std::unique_ptr<DispatcherModule>> dispatchers;
  std::vector<std::size_t> port_engine;
  std::unique_ptr<MemoryModule> memory;
  std::unique_ptr<MemoryProcesses> processes;
};

/// A SystemC context and the modules in it; destroyed in that order reversed.
struct Machine::Context {
  std::unique_ptr<sc_core::sc_simcontext> simcontext{new_context()};
  std::unique_ptr<Impl> impl;
  ~Context() {
    const ContextScope scope(simcontext.get());
    impl.reset();
  }
};

Machine::Machine(const program::Target& target, const MachineSpec& spec, KernelKind kind, EngineKind engines)
    : context_(std::make_unique<Context>()) {
  ensure(engines == EngineKind::fast, "clocked engines are not driven yet");
  const ContextScope scope(context_->simcontext.get());
  context_->impl = std::make_unique<Impl>(target, spec, kind);
  for (std::size_t i = 0; i < target.spaces.size(); ++i) {
    if (target.spaces[i].global) context_->impl->global_space = static_cast<program::SpaceId>(i);
  }
}

Machine::~Machine() = default;

RunResult Machine::run(const program::Program& program, const RunOptions& options) {
  Impl& impl = *context_->impl;
  const ContextScope scope(context_->simcontext.get());
  impl.shared.base = static_cast<std::int64_t>(sc_core::sc_time_stamp().value());
  impl.shared.events = 0;
  impl.shared.failure = nullptr;
  impl.reset_memory();
  for (auto& engine : impl.engines) engine->reset();
  impl.execution.begin(program, options.spans);
  if (!impl.execution.finished()) sc_core::sc_start();  // SystemC warns about starts without activity
  if (impl.shared.failure) std::rethrow_exception(impl.shared.failure);
  if (!impl.execution.finished()) throw InternalError(impl.execution.explain_deadlock());
  RunResult result = impl.execution.result();
  result.memory = impl.memory_counters();
  result.events = impl.shared.events + result.memory.events;
  return result;
}

}  // namespace npusim::kernel
