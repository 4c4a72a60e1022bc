#include "hw_models/midap/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "hw_models/midap/results.h"
#include "hw_models/midap/schedule.h"
#include "hw_models/midap/segment_setting.h"
#include "hw_models/midap/timing.h"
#include "hw_models/midap/weights.h"
#include "sim/base/error.h"

namespace npusim::midap {

namespace {

/// What all layers of a program share.
struct Context {
  const Spec& spec;
  const Network& net;
  Draft draft;
  DramMaps dram;
  Weights weights;
  Results results;
  Handle last;  ///< the pipeline's last command: its end is the pipeline's present

  Context(const Spec& s, const Network& n, program::Program& program)
      : spec(s), net(n), dram(n, draft, program), weights(s, n, draft, dram), results(s, n, draft, dram) {}
};

/// A segment under way: columns of the output through fragments in the banks, filter group by filter group
/// (sums and products: column by column).
struct Segment {
  SegmentRows rows;
  std::vector<std::size_t> fresh;  ///< inputs that it is the first to read
  bool last = false;               ///< of the layer
  std::int64_t units = 0;          ///< filter groups, or columns
  std::int64_t unit = 0;           ///< under way; `units`: done
  std::int64_t done = -1;          ///< rows of the unit; -1: not begun
  program::Setting setting;
};

class LayerEmitter {
 public:
  LayerEmitter(Context& context, LayerId id, std::size_t task)
      : c_(context), id_(id), layer_(context.net.at(id)), task_(task) {
    awaited_.assign(layer_.schedule.inputs.size(), false);
    loads_.resize(layer_.schedule.inputs.size());
    for (std::int64_t i = 0; i < layer_.schedule.initial_inputs; ++i)
      awaited_[static_cast<std::size_t>(i)] = true;
  }

  void run(const std::optional<Weights::User>& ahead, bool prepared) {
    c_.results.begin_layer(id_, task_);
    c_.weights.begin_layer({id_, task_}, ahead, prepared, c_.last);
    const auto steps = control_steps(c_.net, layer_);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].load) {
        step_load(steps[i]);
      } else {
        if (segment_) finish_segment();
        if (idle_) control();
        start_segment(steps[i], i + 1 == steps.size());
      }
    }
    finish_segment();
    if (idle_) control();
    drain();
  }

 private:
  // --- control ---

  Handle pipeline(program::OpcodeId opcode, std::initializer_list<std::int64_t> args) {
    const Handle command = c_.draft.add(task_, Queue::pipeline, opcode, args);
    c_.last = command;
    return command;
  }

  void control() {
    pipeline(kControl, {c_.spec.control_cycles});
    loaded_ = {};
    write_pending_ = std::max<std::int64_t>(0, write_pending_ - c_.spec.control_cycles);
  }

  void step_load(const Step& step) {
    if (segment_ && step.condition >= 0) {
      advance_to_column(step.condition);
    } else if (segment_) {
      finish_segment();
      idle_ = layer_.kind != Kind::gemm;  // a gemm's control logic keeps its exhausted segment
    } else if (idle_) {
      control();
    }
    load(static_cast<std::size_t>(step.fragment));
  }

  void load(std::size_t index) {
    const Mapping& mapping = layer_.schedule.inputs[index];
    const LayerId source = layer_.inputs[0];
    const Handle command = c_.draft.add(task_, Queue::fmem, kLoadFeatures);
    c_.draft.tie(c_.last, command, flag_id(Flag::ask_features));
    for (const auto& region : c_.dram.read(source, mapping.planes)) c_.draft.region(command, region);
    const std::int64_t bytes = (mapping.planes.tail - mapping.planes.head) * c_.net.at(source).map.plane();
    c_.draft.region(command, region_of(bank_space(mapping.bank), true, 0, bytes));
    c_.dram.await(source, command, Flag::features_stored);
    loads_[index] = command;
  }

  // --- segments ---

  void start_segment(const Step& step, bool last) {
    const auto& window = layer_.window;
    const bool windowed = layer_.windowed() && layer_.kind != Kind::gemm;
    const std::int64_t first = windowed ? (step.first_x + window.left) / window.stride_w : step.first_x;
    const std::int64_t final = windowed ? (step.last_x + window.left) / window.stride_w : step.last_x;
    const bool empty = final < first;  // halos that no output needs any more
    ensure(empty || first == next_column_,
           fmt::format("layer '{}': segments leave out or repeat output columns", layer_.name));
    if (!empty) next_column_ = final + 1;
    const auto& inputs = layer_.schedule.inputs;
    std::vector<Mapping> pieces(inputs.begin() + pivot_, inputs.end());
    segment_.reset(new Segment{
        SegmentRows(c_.spec, c_.net, layer_, pieces, first, empty ? first - 1 : final, loaded_),
        {},
        last,
        0,
        0,
        -1,
        to_setting(segment_setting(c_.spec, c_.net, layer_, pieces, first, empty ? first - 1 : final))});
    segment_->units =
        layer_.kind == Kind::arithmetic ? segment_->rows.last() - first + 1 : filter_groups(c_.spec, layer_);
    for (auto i = static_cast<std::size_t>(pivot_); i < inputs.size(); ++i) {
      if (!awaited_[i] && loads_[i]) segment_->fresh.push_back(i);
    }
    pieces_from_ = pivot_;
    pivot_ = step.fragment;
    idle_ = false;
    loaded_ = segment_->rows.loaded();
  }

  void finish_segment() {
    if (!segment_) return;
    while (segment_->unit < segment_->units) advance_unit(unit_rows());
    segment_.reset();
  }

  [[nodiscard]] bool by_column() const { return layer_.kind == Kind::arithmetic; }
  [[nodiscard]] std::int64_t group() const { return by_column() ? 0 : segment_->unit; }
  [[nodiscard]] std::int64_t unit_first() const {
    return segment_->rows.first() + (by_column() ? segment_->unit : 0);
  }
  [[nodiscard]] std::int64_t unit_last() const { return by_column() ? unit_first() : segment_->rows.last(); }
  [[nodiscard]] std::int64_t row_of(std::int64_t column) const {
    return segment_->rows.before(column, group()) - segment_->rows.before(unit_first(), group());
  }
  [[nodiscard]] std::int64_t unit_rows() const { return row_of(unit_last() + 1); }

  /// Runs until the last filter group has read the first row of output column `column`; to the segment's end
  /// when it never does.
  void advance_to_column(std::int64_t column) {
    Segment& s = *segment_;
    while (s.unit < s.units) {
      const bool last_group = by_column() || s.unit + 1 == s.units;
      const auto position = last_group ? row_behind(column) : std::nullopt;
      if (position) {
        advance_unit(*position);
        return;
      }
      advance_unit(unit_rows());
    }
    segment_.reset();
    idle_ = layer_.kind != Kind::gemm;
  }

  /// Rows of the unit up to and with the next one of output column `column` (a gemm's columns are pixels).
  [[nodiscard]] std::optional<std::int64_t> row_behind(std::int64_t column) const {
    const bool gemm = layer_.kind == Kind::gemm;
    const std::int64_t from = std::max(gemm ? column * layer_.map.h : column, unit_first());
    const std::int64_t to = std::min(gemm ? (column + 1) * layer_.map.h : column + 1, unit_last() + 1);
    const std::int64_t done = std::max<std::int64_t>(segment_->done, 0);
    if (from >= to || row_of(to) <= done) return std::nullopt;
    return std::max(row_of(from), done) + 1;
  }

  /// Runs the unit under way up to row `target`, cut where the pipeline may have to wait.
  void advance_unit(std::int64_t target) {
    Segment& s = *segment_;
    if (s.done < 0) {
      c_.weights.begin_group(s.last && (!by_column() || s.unit + 1 == s.units), c_.last);
      s.done = 0;
    }
    while (s.done < target) compute(std::min(target, next_cut(target)));
    if (s.done == unit_rows()) {
      layer_rows_ += s.done;
      ++s.unit;
      s.done = -1;
    }
  }

  /// The first row behind the present one at which the pipeline may have to wait, or `target`.
  [[nodiscard]] std::int64_t next_cut(std::int64_t target) const {
    const Segment& s = *segment_;
    std::int64_t cut = target;
    const auto consider = [&](std::int64_t row) {
      if (row > s.done) cut = std::min(cut, row);
    };
    if (group() == 0) {
      for (const std::size_t i : s.fresh) {
        if (!awaited_[i]) consider(first_read(i));
      }
    }
    if (layer_.bias && !biased_) consider(bias_row() - layer_rows_);
    const std::int64_t columns = c_.results.columns_per_store(channels_at_once());
    if (columns > 0) {
      const std::int64_t column = column_at(s.done);
      consider(row_of(std::min(column - (column - unit_first()) % columns + columns, unit_last() + 1)));
    }
    return cut;
  }

  /// Rows of the unit in front of the first that reads input fragment `index`.
  [[nodiscard]] std::int64_t first_read(std::size_t index) const {
    const std::int64_t x = seen_x(layer_.schedule.inputs[index].planes.head);
    const std::int64_t column = segment_->rows.column_of_plane(x);
    if (column < unit_first() || column > unit_last()) return column < unit_first() ? 0 : INT64_MAX;
    return segment_->rows.before_plane(column, x, group()) - segment_->rows.before(unit_first(), group());
  }

  /// A plane of the input's map as the window sees it.
  [[nodiscard]] std::int64_t seen_x(std::int64_t plane) const {
    return (plane - layer_.crop_left) * layer_.scale_w;
  }

  /// Rows of the layer in front of the one that moves while its first output's biases are read.
  [[nodiscard]] std::int64_t bias_row() const { return first_pixel_ + c_.spec.bias_stage - 1; }

  [[nodiscard]] std::int64_t channels_at_once() const {
    if (by_column()) return layer_.map.c;
    return layer_.extended() ? c_.spec.lanes : c_.spec.cims;
  }

  /// Output columns of the layer; of a gemm, pixels.
  [[nodiscard]] std::int64_t columns() const {
    return layer_.own.w * (layer_.kind == Kind::gemm ? layer_.own.h : 1);
  }

  /// The column under way behind `row` rows of the unit.
  [[nodiscard]] std::int64_t column_at(std::int64_t row) const {
    std::int64_t low = unit_first();
    std::int64_t high = unit_last() + 1;
    while (low + 1 < high) {
      const std::int64_t middle = (low + high) / 2;
      (row_of(middle) <= row ? low : high) = middle;
    }
    return low;
  }

  /// One command: the unit's rows from the present one to `to`.
  void compute(std::int64_t to) {
    Segment& s = *segment_;
    const std::int64_t from = s.done;
    if (first_pixel_ < 0) first_pixel_ = s.rows.first_pixel(0);
    const std::int64_t first = column_at(from);
    const std::int64_t end = to == unit_rows() ? unit_last() + 1 : column_at(to);
    const std::int64_t last = to == unit_rows() ? end : column_at(to);
    const Handle command = pipeline(kCompute, {to - from, write_stalls(from, to), last, to - row_of(last)});
    c_.draft.setting(command, s.setting);
    c_.weights.use(command);
    if (layer_.bias && !biased_ && layer_rows_ + from >= bias_row()) use_biases(command);
    await_inputs(command, from, to);
    read_inputs(command, first, to == row_of(end) ? end - 1 : end);
    if (end > first) {
      const bool last_group = by_column() || s.unit + 1 == s.units;
      const std::int64_t z = by_column() ? 0 : s.unit * channels_at_once();
      c_.results.add(command, first, end, z, channels_at_once(), last_group);
      if (end == columns()) add_to_reduction(command, z);
    }
    share_macs(command, to - from);
    s.done = to;
  }

  /// Cycles for which rows [from, to) of the unit wait for the write stage.
  std::int64_t write_stalls(std::int64_t from, std::int64_t to) {
    const SegmentRows& rows = segment_->rows;
    const std::int64_t base = rows.before(unit_first(), group());
    return rows.write_stalls(group(), base + from, base + to, write_pending_);
  }

  void use_biases(const Handle& command) {
    c_.weights.use_biases(command);
    biased_ = true;
  }

  /// Waits for the fragments that rows [from, to) are the first to read.
  void await_inputs(const Handle& command, std::int64_t from, std::int64_t to) {
    if (group() != 0) return;
    for (const std::size_t i : segment_->fresh) {
      if (awaited_[i]) continue;
      const std::int64_t row = first_read(i);
      if (row > from) {
        ensure(row >= to, "a command reads a fragment before it waits for it");
        continue;
      }
      c_.draft.tie(loads_[i], command, flag_id(Flag::features_there));
      awaited_[i] = true;
    }
  }

  /// Reads all planes of the windows of columns [first, last] that are there.
  void read_inputs(const Handle& command, std::int64_t first, std::int64_t last) {
    const auto& rows = segment_->rows;
    const Fragment from = rows.planes_of(first);
    const Fragment to = rows.planes_of(std::max(first, last));
    const std::int64_t head = from.head / layer_.scale_w + layer_.crop_left;
    const std::int64_t tail = ceil_div(to.tail, layer_.scale_w) + layer_.crop_left;
    const std::int64_t plane = c_.net.at(layer_.inputs[0]).map.plane();
    std::int64_t x = head;
    const auto& inputs = layer_.schedule.inputs;
    for (auto i = static_cast<std::size_t>(pieces_from_); i < inputs.size() && x < tail; ++i) {
      const Mapping& piece = inputs[i];
      if (!awaited_[i] || piece.planes.tail <= x) continue;
      if (piece.planes.head > x) break;
      const std::int64_t end = std::min(tail, piece.planes.tail);
      c_.draft.region(command, region_of(bank_space(piece.bank), false, (x - piece.planes.head) * plane,
                                         (end - x) * plane));
      x = end;
    }
  }

  void share_macs(const Handle& command, std::int64_t rows) {
    rows_done_ += rows;
    const std::int64_t total = std::max<std::int64_t>(total_rows(), 1);
    const std::int64_t upto = rows_done_ >= total ? layer_.macs : mul_div(layer_.macs, rows_done_, total);
    c_.draft.at(command).macs = upto - macs_done_;
    macs_done_ = upto;
    last_compute_ = command;
  }

  [[nodiscard]] std::int64_t total_rows() {
    if (total_rows_ == 0) total_rows_ = compute_cycles(c_.spec, c_.net, layer_);
    return total_rows_;
  }

  // --- end of the layer ---

  void add_to_reduction(const Handle& command, std::int64_t z) {
    if (layer_.reduction == kNoLayer) return;
    const std::int64_t count = std::min(channels_at_once(), layer_.map.c - z);
    if (count > 0) c_.draft.region(command, region_of(reduction_space(c_.spec), true, z, count));
  }

  void drain() {
    if (layer_.macs != macs_done_) c_.draft.at(last_compute_).macs += layer_.macs - macs_done_;
    if (layer_.reduction != kNoLayer) reduce();
    c_.results.end_layer();
    std::int64_t left = c_.spec.drain_cycles + std::max<std::int64_t>(0, write_pending_ - 1);
    if (layer_.bias && !biased_) {
      const std::int64_t until = bias_row() - layer_rows_;
      if (until > 0) pipeline(kDrain, {until, 1});
      left -= until;
    }
    const Handle command = pipeline(kDrain, {left, 0});
    if (layer_.bias && !biased_) use_biases(command);
    for (std::size_t i = 0; i < awaited_.size(); ++i) {
      if (!awaited_[i]) c_.draft.tie(loads_[i], command, flag_id(Flag::features_there));
    }
  }

  void reduce() {
    const Layer& reduction = c_.net.at(layer_.reduction);
    const std::int64_t channels = layer_.map.c;
    c_.results.end_layer();
    const std::int64_t width = layer_.extended() ? c_.spec.lanes : c_.spec.cims;
    write_pending_ -= ceil_div(channels, width);
    const Handle command = pipeline(kReduce, {ceil_div(channels, width), channels});
    c_.draft.setting(command, to_setting(reduction_setting(c_.net, layer_)));
    const std::int64_t computed = std::min(channels, layer_.filters > 0 ? layer_.filters : channels);
    c_.draft.region(command, region_of(reduction_space(c_.spec), false, 0, computed));
    c_.results.begin_layer(layer_.reduction, task_);
    c_.results.add(command, 0, 1, 0, reduction.map.c, true);
  }

  Context& c_;
  LayerId id_;
  const Layer& layer_;
  std::size_t task_;
  std::vector<bool> awaited_;  ///< inputs that are there or have been waited for
  std::vector<Handle> loads_;  ///< of the inputs
  bool idle_ = true;           ///< the control logic has nothing under way
  bool biased_ = false;
  std::int64_t pivot_ = 0;        ///< inputs from here on are not yet given to a segment
  std::int64_t pieces_from_ = 0;  ///< the segment's first
  std::int64_t next_column_ = 0;
  LoadedRow loaded_;
  std::unique_ptr<Segment> segment_;
  std::int64_t write_pending_ = 0;  ///< cycles until the next output vector may be completed
  std::int64_t first_pixel_ = -1;
  std::int64_t layer_rows_ = 0;  ///< of units done
  std::int64_t rows_done_ = 0, total_rows_ = 0, macs_done_ = 0;
  Handle last_compute_;
};

/// Layers that run, in order, and for each what it prepares.
class ProgramEmitter {
 public:
  ProgramEmitter(const Spec& spec, const Network& net, program::Program& program)
      : net_(net), context_(spec, net, program), program_(program) {
    for (const LayerId id : net.order) {
      if (net.at(id).runs()) order_.push_back(id);
    }
  }

  void run() {
    for (std::int64_t image = 0; image < net_.batch; ++image) {
      for (const LayerId id : order_) add_task(image, id);
    }
    if (context_.spec.input_on_chip) place_inputs();
    for (std::int64_t image = 0; image < net_.batch; ++image) {
      context_.dram.begin_image(image);
      for (std::size_t i = 0; i < order_.size(); ++i) {
        const std::size_t index = static_cast<std::size_t>(image) * order_.size() + i;
        LayerEmitter(context_, order_[i], index).run(ahead_of(index), prepared(index));
      }
    }
    context_.draft.finish(program_);
  }

 private:
  void add_task(std::int64_t image, LayerId id) {
    const Layer& layer = net_.at(id);
    program::Task task;
    task.name = net_.batch > 1 ? fmt::format("{}#{}", layer.name, image) : layer.name;
    task.op = layer.op;
    task.engine = "pipeline";
    task.joined = image > 0 || id != order_.front();
    task.macs = layer.macs;
    task.mapping = to_string(control_steps(net_, layer));
    context_.draft.add_task(std::move(task));
  }

  /// The input's fragments that lie in banks before the program starts, until their last reader.
  void place_inputs() {
    if (net_.batch > 1) throw UserError("compiler.input_on_chip: expected a batch of one image");
    std::map<std::int64_t, program::Buffer> buffers;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const Layer& layer = net_.at(order_[i]);
      const Layer& input = net_.at(layer.inputs[0]);
      if (input.kind != Kind::input) continue;
      for (std::int64_t f = 0; f < layer.schedule.initial_inputs; ++f) {
        const Mapping& mapping = layer.schedule.inputs[static_cast<std::size_t>(f)];
        program::Buffer& buffer = buffers[mapping.bank];
        buffer.name = fmt::format("{}.bank{}", input.name, mapping.bank);
        buffer.space = bank_space(mapping.bank);
        buffer.bytes = (mapping.planes.tail - mapping.planes.head) * input.map.plane();
        buffer.input = true;
        buffer.last_task = static_cast<std::uint32_t>(i);
      }
    }
    for (const auto& [bank, buffer] : buffers) program_.buffers.push_back(buffer);
  }

  [[nodiscard]] LayerId layer_at(std::size_t index) const { return order_[index % order_.size()]; }
  [[nodiscard]] std::size_t count() const { return order_.size() * static_cast<std::size_t>(net_.batch); }
  [[nodiscard]] bool weighs(std::size_t index) const {
    const Layer& layer = net_.at(layer_at(index));
    return layer.convolution() || layer.kind == Kind::arithmetic;
  }

  /// Whether the last layer with weights before it has asked for its first weights: not where they are what
  /// that layer or one behind it (pools ask for nothing) computes, nor at the start.
  [[nodiscard]] bool prepared(std::size_t index) const {
    if (!weighs(index)) return false;
    const Layer& layer = net_.at(layer_at(index));
    for (std::size_t i = index; i-- > 0;) {
      if (layer.kind == Kind::arithmetic) {
        const Layer& before = net_.at(layer_at(i));
        if (net_.at(layer.inputs[1]).stored_as == before.stored_as) return false;
        if (before.reduction == layer.inputs[1]) return false;
      }
      if (weighs(i)) return true;
    }
    return false;
  }

  [[nodiscard]] std::optional<Weights::User> ahead_of(std::size_t index) const {
    if (!weighs(index)) return std::nullopt;
    for (std::size_t i = index + 1; i < count(); ++i) {
      if (!weighs(i)) continue;
      if (!prepared(i)) return std::nullopt;
      return Weights::User{layer_at(i), i};
    }
    return std::nullopt;
  }

  const Network& net_;
  Context context_;
  program::Program& program_;
  std::vector<LayerId> order_;
};

}  // namespace

void emit(const Spec& spec, const Network& net, program::Program& program) {
  ProgramEmitter(spec, net, program).run();
}

}  // namespace npusim::midap
