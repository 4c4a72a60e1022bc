#include "hw_models/midap/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "hw_models/midap/banks.h"
#include "hw_models/midap/timeline.h"
#include "sim/base/error.h"

namespace npusim::midap {

namespace {

constexpr int kStuck = 200;         ///< steps after which a layer is taken to lack a bank
constexpr int kMostSteps = 10'000;  ///< of one layer's schedule; more means that it does not get on

/// Schedules layer after layer; the banks carry over. The rules are those of MidapSim's layer compilers.
class Scheduler {
 public:
  Scheduler(const Spec& spec, Network& net)
      : spec_(spec), net_(net), banks_(spec.banks, spec.policy == Policy::double_buffer) {}

  void run() {
    if (spec_.input_on_chip) place_input();
    for (std::size_t i = 0; i < net_.order.size(); ++i) {
      Layer& layer = net_.at(net_.order[i]);
      if (layer.kind == Kind::concat) continue;
      id_ = net_.order[i];
      layer_ = &layer;
      next_ = i + 1 < net_.order.size() ? &net_.at(net_.order[i + 1]) : nullptr;
      schedule_layer();
      if (layer.kind != Kind::reduce) previous_ = &layer;
    }
    set_spills();
  }

 private:
  [[nodiscard]] bool halves() const { return spec_.policy == Policy::double_buffer; }
  [[nodiscard]] Layer& input() { return net_.at(layer_->inputs[0]); }
  [[nodiscard]] Schedule& plan() { return layer_->schedule; }
  [[nodiscard]] bool has_time_line() const {
    return spec_.policy == Policy::hide_dram_latency && layer_->runs();
  }

  void place_input() {
    for (const LayerId id : net_.inputs) {
      const Layer& layer = net_.at(id);
      for (std::int64_t head = 0; head < layer.map.w; head += layer.planes) {
        banks_.load(id, {head, std::min(head + layer.planes, layer.map.w)});
      }
    }
  }

  void schedule_layer() {
    begin();
    remaining_ = halves() ? 0 : 1;
    const bool divides = spec_.policy == Policy::hide_dram_latency
                             ? layer_->windowed()
                             : spec_.policy == Policy::min_dram_access && layer_->convolution();
    if (has_time_line()) time_.emplace(spec_, net_, *layer_, previous_);
    if (divides) choose_division();
    if (layer_->kind == Kind::reduce) {
      if (!plan().fixed_output) take_result_banks(output_fragments(net_, *layer_, result_banks(), nullptr));
    } else {
      step_through();
    }
    end();
  }

  void step_through() {
    int steps = 0;
    while (!step()) {
      if (++steps == kStuck) release_operand();
      if (steps > kMostSteps) {
        throw UserError(
            fmt::format("layer '{}': no division of the {} feature-map banks holds its input and result: {} "
                        "banks are free, "
                        "{} hold its result, and plane {} of {} is not yet processed",
                        layer_->name, spec_.banks, banks_.free_inputs(), plan().outputs.size(),
                        waiting().empty() ? loaded_to() : waiting().front().head, input().map.w));
      }
    }
  }

  /// A second operand comes from DRAM, whatever of it is still in a bank. MidapSim keeps it there, and never
  /// gets on where that bank is needed.
  void release_operand() {
    if (layer_->kind == Kind::arithmetic) banks_.release_all(layer_->inputs[1]);
  }

  // --- begin and end of a layer ---

  void begin() {
    Schedule& p = plan();
    p.input_flip = input().schedule.flip;
    const std::int64_t available = halves() ? INT64_MAX : banks_.unreserved();
    if (halves()) {
      if (p.output_stationary >= 0) p.fixed_output = true;
      p.input_stationary = 0;
      p.output_stationary = -1;
    }
    if (p.output_stationary < 0) {
      p.reverse_write = layer_->banks_needed >= available;
      p.flip = p.reverse_write != p.input_flip;
    } else {
      p.flip = false;
      p.reverse_write = p.input_flip;
    }
    if (p.input_flip) std::swap(layer_->window.left, layer_->window.right);
    const auto mapping = banks_.of(layer_->inputs[0]);
    if (!halves()) banks_.keep_inputs(mapping, p.input_stationary);
    p.inputs = mapping;
    p.initial_inputs = static_cast<std::int64_t>(mapping.size());
    begin_result();
  }

  void begin_result() {
    Schedule& p = plan();
    if (layer_->next.empty()) p.fixed_output = true;
    if (halves() || layer_->next.empty()) return;
    p.fixed_output = p.output_stationary >= 0;
    if (p.output_stationary <= 0) return;
    const LayerId common = layer_->next[0];
    auto fragments = output_fragments(net_, net_.at(common), spec_.banks - 1, nullptr);
    fragments.resize(std::min(fragments.size(), static_cast<std::size_t>(p.output_stationary)));
    ensure(banks_.keep_result(common, fragments), "no bank for the common result of several branches");
    for (const auto& mapping : banks_.of(common)) p.outputs.push_back(mapping);
  }

  void end() {
    if (plan().input_stationary <= 0) {
      for (const LayerId id : layer_->inputs) banks_.release_all(id);
    }
    if (plan().reverse_write) banks_.reverse(id_);
    if (halves()) banks_.swap();
    time_.reset();
  }

  // --- the division of the banks ---

  [[nodiscard]] std::int64_t result_banks() {
    if (halves()) return spec_.banks / 2;
    const bool tight = input().banks_needed + layer_->banks_needed > spec_.banks;
    return std::max<std::int64_t>(banks_.unreserved() - (tight ? remaining_ : 0), 0);
  }

  /// With `results` banks for the result at most and `kept` for the input at least.
  void divide(std::int64_t results, std::int64_t kept) {
    Schedule& p = plan();
    const std::int64_t available = banks_.unreserved();
    if (results < layer_->banks_needed && results < available - kept) kept = available - results;
    remaining_ = kept;
    if (p.output_stationary >= 0) return;
    p.reverse_write = layer_->banks_needed > available - kept;
    p.flip = p.reverse_write != p.input_flip;
  }

  void choose_division() {
    const Banks banks = banks_;
    const Schedule before = plan();
    std::int64_t kept = 1;
    std::int64_t results = layer_->banks_needed;
    double least = std::numeric_limits<double>::max();
    const auto taken = static_cast<std::int64_t>(plan().outputs.size());
    for (std::int64_t n = 1; n < spec_.banks - taken; ++n) {
      divide(std::min(layer_->banks_needed, banks_.unreserved() - n), n);
      step_through();
      const double cost = division_cost();
      if (cost < least) {
        least = cost;
        kept = n;
        results = static_cast<std::int64_t>(plan().outputs.size());
      }
      banks_ = banks;
      plan() = before;
      if (has_time_line()) time_.emplace(spec_, net_, *layer_, previous_);
      if (least == 0 && has_time_line()) break;
    }
    divide(results, kept);
  }

  /// Cycles waited, or bytes of weights and of spilled results.
  [[nodiscard]] double division_cost() {
    if (has_time_line()) return time_->waited();
    const auto& actions = plan().actions;
    const auto passes =
        std::count_if(actions.begin(), actions.end(), [](const Action& a) { return !a.load; });
    const std::int64_t on_chip = layer_->planes_per_bank() * static_cast<std::int64_t>(plan().outputs.size());
    const std::int64_t spilled = std::max<std::int64_t>(layer_->own.w - on_chip, 0) * layer_->own.plane() * 2;
    return static_cast<double>(layer_->weight_bytes() * (layer_->weights_fetched_once() ? 1 : passes) +
                               spilled);
  }

  // --- steps ---

  [[nodiscard]] std::int64_t loaded_to() {
    return plan().inputs.empty() ? 0 : plan().inputs.back().planes.tail;
  }
  [[nodiscard]] bool all_loaded() { return loaded_to() == input().map.w - layer_->crop_right; }
  [[nodiscard]] std::vector<Fragment> waiting() {
    std::vector<Fragment> fragments;
    for (auto i = static_cast<std::size_t>(plan().processed); i < plan().inputs.size(); ++i) {
      fragments.push_back(plan().inputs[i].planes);
    }
    return fragments;
  }

  /// Loads what fits, or else processes; true when the layer is done.
  bool step() {
    if (all_loaded() || !load()) {
      if (window_complete()) process();
    }
    return all_loaded() && waiting().empty();
  }

  /// Whether the fragments that wait hold a whole window.
  bool window_complete() {
    if (!layer_->windowed()) return true;
    const auto fragments = waiting();
    if (fragments.empty()) return false;
    const std::int64_t border = fragments[0].head == 0 ? layer_->window.left : 0;
    const std::int64_t width = fragments.back().tail - fragments[0].head + border;
    const std::int64_t in_w = layer_->kind == Kind::gemm ? layer_->image.w : input().map.w;
    if (fragments.back().tail == in_w || width >= layer_->window.kw) return true;
    ++remaining_;
    return false;
  }

  bool load() {
    Schedule& p = plan();
    const bool overlap = waiting().empty() && p.processed > 0;
    const std::int64_t head = p.inputs.empty() ? 0 : loaded_to() - layer_->crop_left;
    auto fragments = input_fragments(net_, *layer_, banks_.free_inputs(), head, overlap);
    if (!p.fixed_output && !halves()) limit_loads(fragments);
    if (fragments.empty()) return false;
    p.actions.push_back({true, static_cast<std::int64_t>(p.inputs.size() + fragments.size())});
    for (const auto& fragment : fragments) {
      const auto bank = banks_.load(layer_->inputs[0], fragment);
      if (!bank) break;
      if (!halves()) banks_.keep_inputs(banks_.of(layer_->inputs[0]), p.input_stationary);
      for (auto& mapping : p.inputs) mapping.refilled = mapping.refilled || mapping.bank == *bank;
      p.inputs.push_back({*bank, fragment, false});
    }
    if (time_) time_->load(fragments, all_loaded());
    return true;
  }

  /// Leaves banks free for the results of the fragments that wait and of those to be loaded.
  void limit_loads(std::vector<Fragment>& fragments) {
    const bool reverse = plan().reverse_write;
    auto results = output_fragments(net_, *layer_, banks_.unreserved() - remaining_, next_);
    auto inputs = waiting();
    inputs.insert(inputs.end(), fragments.begin(), fragments.end());
    std::int64_t most = 0;
    std::int64_t freed = 0;
    for (const auto& fragment : inputs) {
      const std::int64_t x = output_x(net_, *layer_, fragment, !(fragment == inputs.back()));
      const auto reached = std::find_if(results.begin(), results.end(), [&](const Fragment& result) {
        return reverse ? x >= result.tail : x < result.head;
      });
      if (reached == results.begin()) {
        ++freed;
      } else {
        most = std::max<std::int64_t>(most, reached - results.begin() - freed);
        results.erase(results.begin(), reached);
      }
    }
    const std::int64_t available = banks_.free_inputs();
    most -= static_cast<std::int64_t>(plan().outputs.size());
    most -= available - static_cast<std::int64_t>(fragments.size());
    if (most > available) {
      fragments.clear();
    } else if (most > 0) {
      fragments.resize(fragments.size() - std::min(fragments.size(), static_cast<std::size_t>(most)));
    }
  }

  void take_result_banks(const std::vector<Fragment>& fragments) {
    auto& outputs = plan().outputs;
    for (std::size_t i = outputs.size(); i < fragments.size(); ++i) {
      const auto bank = banks_.reserve_result(id_, fragments[i]);
      if (!bank) break;
      outputs.push_back({*bank, fragments[i], false});
    }
  }

  void process() {
    if (halves()) {
      process_one();
      return;
    }
    Schedule& p = plan();
    const auto fragments = waiting();
    std::size_t allowed = fragments.size();
    const auto results = output_fragments(net_, *layer_, result_banks(), next_);
    if (!p.fixed_output) {
      take_result_banks(results);
      if (p.outputs.size() < results.size()) {
        allowed = limit_processing(results, fragments);
        if (allowed == 0) retreat();
      } else {
        p.fixed_output = true;
      }
    }
    const std::vector<Fragment> front(fragments.begin(),
                                      fragments.begin() + static_cast<std::ptrdiff_t>(allowed));
    std::size_t count = allowed;
    if (time_) {
      const bool last = all_loaded() && waiting().size() == allowed;
      const auto most = static_cast<std::int64_t>(fragments.size()) - (all_loaded() ? 0 : 1);
      count = static_cast<std::size_t>(time_->best_segment(front, std::max<std::int64_t>(most, 1), last));
    }
    count = std::min(count, fragments.size());
    if (count == 0) return;
    const bool last = all_loaded() && waiting().size() == count;
    if (time_)
      time_->process({fragments.begin(), fragments.begin() + static_cast<std::ptrdiff_t>(count)}, last);
    finish_fragments(count);
  }

  void process_one() {
    if (!plan().fixed_output) take_result_banks(output_fragments(net_, *layer_, spec_.banks / 2, nullptr));
    if (!waiting().empty()) finish_fragments(1);
  }

  void finish_fragments(std::size_t count) {
    Schedule& p = plan();
    p.actions.push_back({false, p.processed + static_cast<std::int64_t>(count)});
    for (std::size_t i = 0; i < count; ++i) {
      banks_.release(p.inputs[static_cast<std::size_t>(p.processed) + i].bank);
    }
    p.processed += static_cast<std::int64_t>(count);
  }

  /// Fragments whose results the banks taken so far can hold.
  [[nodiscard]] std::size_t limit_processing(const std::vector<Fragment>& results,
                                             const std::vector<Fragment>& fragments) {
    const std::size_t full = std::min(plan().outputs.size(), results.size() - 1);
    const bool reverse = plan().reverse_write;
    const std::int64_t bound = reverse ? results[full].tail : results[full].head;
    std::size_t count = 0;
    for (const auto& fragment : fragments) {
      const std::int64_t x = output_x(net_, *layer_, fragment, count + 1 < fragments.size());
      if (reverse ? x < bound : x >= bound) break;
      ++count;
    }
    return count;
  }

  /// The banks taken for the result leave the input none to go on with.
  void retreat() {
    Schedule& p = plan();
    if (!p.reverse_write) {
      p.fixed_output = true;
      return;
    }
    banks_.release_all(id_, true);
    p.outputs.clear();
    ++remaining_;
    const std::int64_t most = banks_.unreserved() - banks_.free_inputs();
    if (remaining_ < most) return;
    p.fixed_output = true;
    take_result_banks(output_fragments(net_, *layer_, banks_.unreserved() - most, nullptr));
  }

  // --- spills ---

  /// Planes that a reader loads from DRAM are written there; what no bank holds, too.
  void set_spills() {
    for (auto& layer : net_.layers) layer.dram_from = layer.write_on_dram ? 0 : layer.map.w;
    for (const LayerId id : net_.order) {
      const Layer& layer = net_.at(id);
      if (!layer.runs()) continue;
      const auto& p = layer.schedule;
      for (auto i = static_cast<std::size_t>(p.initial_inputs); i < p.inputs.size(); ++i) {
        auto& from = net_.at(layer.inputs[0]).dram_from;
        from = std::min(from, p.inputs[i].planes.head);
      }
      if (layer.kind == Kind::arithmetic) net_.at(layer.inputs[1]).dram_from = 0;
    }
    for (auto& layer : net_.layers) {
      if (layer.stored_as != kNoLayer && net_.at(layer.stored_as).kind == Kind::concat &&
          layer.kind != Kind::concat) {
        layer.dram_from = net_.at(layer.stored_as).dram_from;
      }
    }
  }

  const Spec& spec_;
  Network& net_;
  Banks banks_;
  LayerId id_ = kNoLayer;
  Layer* layer_ = nullptr;
  const Layer* next_ = nullptr;
  const Layer* previous_ = nullptr;
  std::int64_t remaining_ = 1;  ///< banks that the input keeps
  std::optional<TimeLine> time_;
};

}  // namespace

void schedule(const Spec& spec, Network& net) { Scheduler(spec, net).run(); }

}  // namespace npusim::midap
