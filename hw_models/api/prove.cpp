#include "hw_models/api/prove.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "sim/base/error.h"
#include "sim/program/describe.h"
#include "workloads/passes/passes.h"

namespace npusim::hw {

namespace {

/// Executes a segment's commands in an order that queues and flags allow.
class Scheduler {
 public:
  Scheduler(const program::Program& program, QueueOrder order)
      : program_(program),
        order_(order),
        queues_(program.target->queues.size()),
        flags_(program.target->flags.size(), 0) {}

  /// Commands [from, to); calls run(index) for each.
  template <class Run>
  void segment(std::uint32_t from, std::uint32_t to, Run&& run) {
    for (std::uint32_t i = from; i < to; ++i) queues_[program_.commands[i].queue].push_back(i);
    for (std::uint32_t done = from; done < to; ++done) run(next());
  }

 private:
  bool ready(const program::Command& command) const {
    const auto waits = program_.waits_of(command);
    return std::all_of(waits.begin(), waits.end(), [&](program::FlagId flag) {
      return flags_[flag] >= std::count(waits.begin(), waits.end(), flag);
    });
  }

  /// Of the commands that can run, the first (or last) in program order; it is taken.
  std::uint32_t next() {
    std::deque<std::uint32_t>* chosen = nullptr;
    for (auto& queue : queues_) {
      if (queue.empty() || !ready(program_.commands[queue.front()])) continue;
      const bool better =
          chosen == nullptr || (order_ == QueueOrder::first_ready ? queue.front() < chosen->front()
                                                                  : queue.front() > chosen->front());
      if (better) chosen = &queue;
    }
    ensure(chosen != nullptr, "a verified program has no deadlock");
    const std::uint32_t index = chosen->front();
    chosen->pop_front();
    const program::Command& command = program_.commands[index];
    for (const auto flag : program_.waits_of(command)) --flags_[flag];
    for (const auto flag : program_.sets_of(command)) ++flags_[flag];
    return index;
  }

  const program::Program& program_;
  QueueOrder order_;
  std::vector<std::deque<std::uint32_t>> queues_;
  std::vector<std::int64_t> flags_;
};

/// The largest finite magnitude.
double peak_of(const std::vector<double>& numbers) {
  double peak = 0;
  for (const double number : numbers) {
    if (std::isfinite(number)) peak = std::max(peak, std::abs(number));
  }
  return peak;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Tensors as the chip computed them, and what the reference makes of them, operator by operator.
class Local {
 public:
  explicit Local(const Trial& trial) : trial_(trial), producer_(trial.graph.tensors.size(), nullptr) {
    values_.resize(trial.graph.tensors.size());
    for (const auto& op : trial.graph.ops) {
      for (const auto id : op.outputs) producer_[static_cast<std::size_t>(id)] = &op;
    }
    options_.arithmetic = reference::Arithmetic::fp16;
  }

  /// A tensor, from the chip's operands; an input as it was given.
  struct Expected {
    std::vector<double> numbers;
    std::vector<double> stages;  ///< peaks of the stages before the last
  };
  Expected expected(ir::TensorId id) {
    const ir::Op* op = producer_[static_cast<std::size_t>(id)];
    if (op == nullptr) return {reference::find(trial_.expected, id)->doubles(), {}};
    const auto known = [&](ir::TensorId input) {
      if (input != ir::kNoTensor) provide(input);
    };
    for (const auto input : op->inputs) known(input);
    for (const auto& step : op->fused) known(step.operand);
    reference::Values before;  // outputs of the operator that the chip has made already
    for (const auto out : op->outputs) before.push_back(values_[static_cast<std::size_t>(out)]);
    std::vector<double> stages =
        reference::execute_operator(trial_.graph, *op, values_, trial_.expected, options_);
    std::vector<double> numbers = reference::find(values_, id)->doubles();
    for (std::size_t i = 0; i < before.size(); ++i) {
      values_[static_cast<std::size_t>(op->outputs[i])] = std::move(before[i]);
    }
    stages.pop_back();
    return {std::move(numbers), std::move(stages)};
  }

  /// What the chip computed, if it has: of a further copy of a tensor, what must be copied.
  [[nodiscard]] const reference::Value* kept(ir::TensorId id) const { return reference::find(values_, id); }
  /// What the chip computed; the first of several copies counts.
  void keep(ir::TensorId id, const std::vector<double>& numbers) {
    auto& value = values_[static_cast<std::size_t>(id)];
    const reference::Value* form = reference::find(trial_.expected, id);
    if (!value) value = reference::make_value(form->dtype, form->shape, numbers);
  }

 private:
  /// Makes tensor `id` known: one that no layer has written is computed from those before it.
  void provide(ir::TensorId id) {
    auto& value = values_[static_cast<std::size_t>(id)];
    if (value || producer_[static_cast<std::size_t>(id)] == nullptr) return;
    const Expected made = expected(id);
    keep(id, made.numbers);
  }

  const Trial& trial_;
  std::vector<const ir::Op*> producer_;  ///< by tensor
  reference::Values values_;             ///< activations that the chip computed
  reference::Options options_;
};

bool contains(const program::Region& region, program::SpaceId space, std::int64_t offset) {
  bool found = false;
  if (!region.write || region.space != space) return false;
  program::for_each_run(region,
                        [&](std::int64_t at) { found |= at <= offset && offset < at + region.bytes; });
  return found;
}

class Runner {
 public:
  Runner(const Trial& trial, QueueOrder order)
      : trial_(trial),
        program_(trial.compiled.program),
        chip_(*trial.compiled.functional),
        order_(order),
        local_(trial) {}

  Verdict run() {
    program::Storage storage(program_);
    chip_.fill(trial_.expected, storage);
    Scheduler scheduler(program_, order_);
    for (std::uint32_t first = 0; first < program_.tasks.size();) {
      std::uint32_t end = first + 1;
      while (end < program_.tasks.size() && program_.tasks[end].joined) ++end;
      run_segment(scheduler, first, end, storage);
      if (verdict_.mismatch) break;
      first = end;
    }
    return std::move(verdict_);
  }

 private:
  /// Tasks [first, end); each is compared as soon as its last command has run.
  void run_segment(Scheduler& scheduler, std::uint32_t first, std::uint32_t end, program::Storage& storage) {
    std::vector<std::uint32_t> left;
    for (std::uint32_t t = first; t < end; ++t) left.push_back(program_.tasks[t].command_count);
    const program::Task& last = program_.tasks[end - 1];
    for (std::uint32_t t = first; t < end; ++t) {
      if (left[t - first] == 0) finish(t, storage);
    }
    scheduler.segment(program_.tasks[first].first_command, last.first_command + last.command_count,
                      [&](std::uint32_t index) {
                        const program::Command& command = program_.commands[index];
                        ++verdict_.commands;
                        execute(command, index, storage);
                        if (--left[command.task - first] == 0) finish(command.task, storage);
                      });
  }

  void execute(const program::Command& command, std::uint32_t index, program::Storage& storage) {
    if (verdict_.mismatch || !chip_.computes(command.task)) return;
    try {
      chip_.execute(program_, command, storage);
    } catch (const InternalError& error) {
      throw InternalError(fmt::format("{}: {}", program::describe(program_, index), error.what()));
    }
  }

  void finish(std::uint32_t task, program::Storage& storage) {
    if (verdict_.mismatch) return;
    const bool computed = chip_.computes(task);
    if (!computed) verdict_.not_computed.push_back(program_.tasks[task].name);
    for (const Holding& holding : chip_.results(task)) {
      if (!computed) {
        chip_.write(holding, expected(holding.tensor), storage);
        if (trial_.dtype != ir::DType::i8) local_.keep(holding.tensor, expected(holding.tensor));
      } else if (!verdict_.mismatch) {
        compare(task, holding, storage);
      }
    }
  }

  [[nodiscard]] std::vector<double> expected(ir::TensorId id) const {
    const reference::Value* value = reference::find(trial_.expected, id);
    ensure(value != nullptr, "the reference computes every tensor");
    std::vector<double> out = value->doubles();
    const bool scaled = trial_.dtype == ir::DType::i8 && value->dtype == ir::DType::i8;
    if (!scaled) return out;
    const int exponent = trial_.quantization.tensors.at(static_cast<std::size_t>(id));
    for (double& number : out) number = std::ldexp(number, exponent);
    return out;
  }

  /// How far an element of magnitude `value` may be off.
  struct Tolerance {
    double fixed = 0, of_value = 0;
    [[nodiscard]] double of(double value) const {
      return fixed + (std::isfinite(value) ? of_value * std::abs(value) : 0);
    }
  };
  [[nodiscard]] Tolerance tolerance(const Local::Expected& truth, std::uint32_t task, double peak) const {
    double before = 0, largest = peak;
    for (const double stage : truth.stages) {
      before += stage;
      largest = std::max(largest, stage);
    }
    const auto products = static_cast<double>(chip_.accumulations(task));
    return {std::ldexp(before, -10) + products * std::ldexp(largest, -24) + std::ldexp(1.0, -24),
            std::ldexp(1.0, -10)};
  }

  void compare(std::uint32_t task, const Holding& holding, program::Storage& storage) {
    const std::vector<double> whole = expected(holding.tensor);
    const bool int8 = trial_.dtype == ir::DType::i8;
    const reference::Value* copied = local_.kept(holding.tensor);
    const bool exact = int8 || copied != nullptr;
    const Local::Expected truth = int8     ? Local::Expected{whole, {}}
                                  : copied ? Local::Expected{copied->doubles(), {}}
                                           : local_.expected(holding.tensor);
    const std::vector<double> actual = chip_.read(holding, storage);
    const double peak = peak_of(truth.numbers), whole_peak = peak_of(whole);
    const Tolerance allowed = exact ? Tolerance{} : tolerance(truth, task, peak);
    TensorCheck check;
    check.task = program_.tasks[task].name;
    check.tensor = trial_.graph.tensor(holding.tensor).name;
    check.elements = std::ssize(actual);
    check.tolerance = peak == 0 ? 0 : allowed.of(peak) / peak;
    std::optional<std::size_t> wrong;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const double far = same(whole[i], actual[i]) ? 0 : std::abs(whole[i] - actual[i]);
      check.end_to_end = std::max(check.end_to_end, far == 0 ? 0 : far / whole_peak);
      if (same(truth.numbers[i], actual[i])) continue;
      const double off = std::abs(truth.numbers[i] - actual[i]);
      const double limit = allowed.of(truth.numbers[i]);
      const bool fine = std::isfinite(off) && off <= limit;
      if (!fine && !wrong) wrong = i;
      check.max_abs = std::isfinite(off) ? std::max(check.max_abs, off) : INFINITY;
      check.used = std::max(check.used, limit > 0 && std::isfinite(off) ? off / limit : INFINITY);
    }
    check.relative = check.max_abs == 0 ? 0 : check.max_abs / peak;
    verdict_.checks.push_back(check);
    if (wrong) {
      const double should = truth.numbers[*wrong];
      blame(task, holding, *wrong, should, actual[*wrong], allowed.of(should));
    }
    if (!int8) local_.keep(holding.tensor, actual);
  }

  void blame(std::uint32_t task, const Holding& holding, std::size_t element, double truth, double actual,
             double tolerance) {
    const ir::Tensor& tensor = trial_.graph.tensor(holding.tensor);
    Mismatch found;
    found.task = program_.tasks[task].name;
    found.tensor = tensor.name;
    found.element = reference::coordinates_text(static_cast<std::int64_t>(element), tensor.shape);
    found.expected = truth;
    found.actual = actual;
    found.tolerance = tolerance;
    found.where = "no command writes it";
    const auto at = chip_.address(holding, static_cast<std::int64_t>(element));
    const program::Task& layer = program_.tasks[task];
    for (std::uint32_t i = layer.first_command; i < layer.first_command + layer.command_count; ++i) {
      const auto regions = program_.regions_of(program_.commands[i]);
      const bool writes = std::any_of(regions.begin(), regions.end(), [&](const program::Region& region) {
        return contains(region, at.space, at.offset);
      });
      if (!writes) continue;
      found.command = i;
      found.where = fmt::format("written by {}", program::describe(program_, i));
    }
    if (!layer.mapping.empty()) found.where += fmt::format("; {}", layer.mapping);
    verdict_.mismatch = std::move(found);
  }

  const Trial& trial_;
  const program::Program& program_;
  const Functional& chip_;
  QueueOrder order_;
  Local local_;
  Verdict verdict_;
};

}  // namespace

Trial prepare_trial(const Npu& npu, const ir::Graph& graph, const reference::Values& given, ir::DType dtype) {
  if (dtype != ir::DType::f16 && dtype != ir::DType::i8) {
    throw UserError(fmt::format("numbers are verified in fp16 and int8, not in {}", ir::to_string(dtype)));
  }
  Trial trial;
  trial.dtype = dtype;
  trial.graph = passes::run_pipeline(graph);
  const reference::Values carried = reference::carry(graph, given, trial.graph);
  reference::Options options;
  options.arithmetic = reference::Arithmetic::fp16;
  if (dtype == ir::DType::i8) {
    trial.quantization = reference::calibrate(trial.graph, reference::execute(trial.graph, carried).peaks);
    options.arithmetic = reference::Arithmetic::int8;
    options.quantization = &trial.quantization;
  }
  trial.expected = reference::execute(trial.graph, carried, options).values;
  trial.compiled = npu.compile(trial.graph, {dtype, dtype == ir::DType::i8 ? &trial.quantization : nullptr});
  program::verify(trial.compiled.program);
  if (trial.compiled.functional == nullptr) {
    throw UserError(fmt::format("{} has no functional execution yet", npu.target().chip));
  }
  return trial;
}

Verdict run_trial(const Trial& trial, QueueOrder order) { return Runner(trial, order).run(); }

}  // namespace npusim::hw
