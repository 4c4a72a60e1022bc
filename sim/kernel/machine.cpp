// The only file that sees SystemC, with its siblings in this folder.
#include "sim/kernel/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <systemc>
#include <utility>

#include "sim/base/error.h"
#include "sim/kernel/clock_module.h"
#include "sim/kernel/domain_module.h"
#include "sim/kernel/engine_module.h"
#include "sim/kernel/execution.h"
#include "sim/kernel/memory_processes.h"
#include "sim/kernel/systemc_context.h"
#include "sim/mem/late_domain.h"

namespace npusim::kernel {

namespace {

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

/// A name that SystemC takes for a module.
std::string module_name(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

}  // namespace

struct Machine::Impl : Waker, TransferStarter {
  Impl(const program::Target& machine_target, const MachineSpec& spec, KernelKind kind,
       EngineKind engine_kind)
      : target(machine_target), shared(spec, kind), execution(target, spec, *this) {
    shared.execution = &execution;
    for (std::size_t i = 0; i < spec.engines.size(); ++i) {
      engines.push_back(std::make_unique<EngineModule>(fmt::format("engine{}", i).c_str(), i, shared, *this));
      const std::int32_t port = spec.engines[i].memory_port;
      if (port < 0) continue;
      port_engine.resize(std::max(port_engine.size(), static_cast<std::size_t>(port) + 1));
      port_engine[static_cast<std::size_t>(port)] = i;
    }
    for (std::size_t i = 0; i < spec.dispatchers.size(); ++i) {
      dispatchers.push_back(
          std::make_unique<DispatcherModule>(fmt::format("dispatcher{}", i).c_str(), i, shared));
    }
    for (std::size_t i = 0; i < target.spaces.size(); ++i) {
      if (target.spaces[i].global) global_space = static_cast<program::SpaceId>(i);
    }
    if (engine_kind == EngineKind::clocked) make_twins();
    make_memory();
  }

  void make_twins() {
    ensure(shared.kind == KernelKind::systemc, "clocked engines need the kernel that runs in global time");
    clock = std::make_unique<ClockModule>("twins", shared);
    for (std::size_t i = 0; i < engines.size(); ++i) {
      const EngineSpec& spec = shared.spec.engines[i];
      if (!spec.clocked) continue;
      engines[i]->use_twin(*clock, clock->add(spec.clocked(module_name(spec.name)), *engines[i]));
    }
  }

  void make_memory() {
    const auto deliver = [this](const mem::Completion& done) {
      engines[port_engine.at(done.port)]->transfer_done(done);
    };
    if (shared.kind == KernelKind::run_ahead || shared.spec.memory.make) {
      domain = std::make_unique<DomainModule>("memory", shared, deliver);
    } else {
      processes = std::make_unique<MemoryProcesses>(
          shared.spec.memory, [this] { return shared.now(); },
          [this] { return execution.finished() ? execution.end() : kNever.count(); }, shared.failure,
          shared.events, deliver);
    }
  }

  /// Back to the initial state, with `program` about to run.
  void load(const program::Program& program, const RunOptions& options) {
    shared.base = static_cast<std::int64_t>(sc_core::sc_time_stamp().value());
    shared.events = 0;
    shared.failure = nullptr;
    shared.program = &program;
    shared.storage = options.storage;
    own_storage.reset();
    if (clock && shared.storage == nullptr) {
      own_storage.emplace(program);
      shared.storage = &*own_storage;
    }
    domain ? domain->reset() : processes->reset();
    for (auto& engine : engines) engine->reset();
    execution.begin(program, options.spans);
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
    if (domain) {
      domain->start(port, std::span(first, count), at);
    } else {
      processes->start(port, std::span(first, count), at);
    }
  }
  /// Counters as of the program's end.
  [[nodiscard]] mem::MemoryCounters memory_counters() {
    if (corunners) domain ? domain->finish(execution.end()) : processes->finish();
    return domain ? domain->counters() : processes->counters();
  }

  /// Runs until nothing is left to happen, or nothing of the program can happen any more.
  void simulate() {
    // Co-runners in global time end with the program only, which must not hide that it is stuck.
    while (corunners && processes && !execution.finished() && !shared.failure) {
      const std::int64_t before = execution.end();
      sc_core::sc_start(ticks(kPatience));
      if (execution.end() == before) return;
    }
    if (sc_core::sc_pending_activity()) sc_core::sc_start();
  }

  /// Cycles without a completed command after which a program counts as stuck: no command takes so long.
  static constexpr std::int64_t kPatience = INT64_C(1) << 30U;

  const program::Target& target;
  Shared shared;
  Execution execution;
  bool corunners = mem::has_corunners(shared.spec.memory);
  program::SpaceId global_space = 0;
  std::vector<std::unique_ptr<EngineModule>> engines;
  std::vector<std::unique_ptr<DispatcherModule>> dispatchers;
  std::vector<std::size_t> port_engine;
  std::unique_ptr<ClockModule> clock;    ///< with clocked engines
  std::unique_ptr<DomainModule> domain;  ///< this or the processes
  std::unique_ptr<MemoryProcesses> processes;
  std::optional<program::Storage> own_storage;  ///< of a clocked machine that was given none
};

/// A SystemC context and the modules in it; destroyed in that order reversed.
struct Machine::Context {
  const program::Target& target;
  const MachineSpec& spec;
  KernelKind kind;
  EngineKind engines;
  std::unique_ptr<sc_core::sc_simcontext> simcontext;
  std::unique_ptr<Impl> impl;

  void elaborate() {
    destroy();
    simcontext.reset(new_context());
    const ContextScope scope(simcontext.get());
    impl = std::make_unique<Impl>(target, spec, kind, engines);
  }
  void destroy() {
    const ContextScope scope(simcontext.get());
    impl.reset();
  }
  ~Context() { destroy(); }
};

Machine::Machine(const program::Target& target, const MachineSpec& spec, KernelKind kind, EngineKind engines)
    : context_(new Context{target, spec, kind, engines, nullptr, nullptr}) {
  context_->elaborate();
}

Machine::~Machine() = default;

RunResult Machine::run(const program::Program& program, const RunOptions& options) {
  if (!context_->impl) context_->elaborate();
  Impl& impl = *context_->impl;
  try {
    const ContextScope scope(context_->simcontext.get());
    impl.load(program, options);
    if (!impl.execution.finished()) impl.simulate();  // SystemC warns about starts without activity
    if (impl.shared.failure) std::rethrow_exception(impl.shared.failure);
    if (!impl.execution.finished()) throw InternalError(impl.execution.explain_deadlock());
    RunResult result = impl.execution.result();
    result.memory = impl.memory_counters();
    result.events = impl.shared.events + result.memory.events;
    return result;
  } catch (const sc_core::sc_report& report) {  // out of a twin's own process
    context_->destroy();
    throw InternalError(report.what());
  } catch (...) {
    // A twin may be in the middle of a command, a co-runner at work.
    if (impl.clock || impl.corunners) context_->destroy();
    throw;
  }
}

}  // namespace npusim::kernel
