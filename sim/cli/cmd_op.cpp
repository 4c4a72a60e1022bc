// npusim op: one operator, or one transfer, on a chip.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "hw_models/api/npu.h"
#include "hw_models/api/transfer.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/trace/report.h"

namespace npusim::cli {
namespace {

struct OpOptions {
  HardwareOptions hardware;
  std::string op;
  std::string in = "1x64x56x56";
  std::string kernel, stride, pad, dilation;
  std::int64_t out_channels = 0;
  std::int64_t group = 1;
  std::string dtype, format = "text", output, trace;
  bool local = false;
  bool check = false;
  std::int64_t bytes = 0;
  std::string from = "ddr", to = "ddr";
};

const std::vector<std::string> kOperators = {"conv",    "depthwise", "maxpool", "avgpool",
                                             "eltwise", "matmul",    "dma"};
constexpr std::int64_t kLargest = 1 << 24;

/// "3x3" or "1,0,1,1" as numbers of at least `low`.
std::vector<std::int64_t> numbers(const std::string& option, const std::string& text, char separator,
                                  std::int64_t low, const char* expected) {
  std::vector<std::int64_t> values;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::int64_t value = 0;
    const auto [stop, status] = std::from_chars(at, end, value);
    const bool good = status == std::errc() && value >= low && value <= kLargest;
    if (!good || (stop != end && *stop != separator)) {
      throw UserError(fmt::format("{} {}: expected {}", option, text, expected));
    }
    values.push_back(value);
    if (stop == end) return values;
    at = stop + 1;
  }
}

ir::Hw size_of(const std::string& option, const std::string& text, ir::Hw otherwise) {
  if (text.empty()) return otherwise;
  const auto values = numbers(option, text, 'x', 1, "N or HxW with N, H, W of at least 1, such as 3x3");
  if (values.size() > 2) throw UserError(fmt::format("{} {}: expected N or HxW", option, text));
  return {values.front(), values.back()};
}

ir::Padding padding_of(const std::string& text) {
  if (text.empty()) return {};
  const char* const expected = "N, or TOP,BOTTOM,LEFT,RIGHT";
  const auto values = numbers("--pad", text, ',', 0, expected);
  if (values.size() == 1) return {values[0], values[0], values[0], values[0]};
  if (values.size() != 4) throw UserError(fmt::format("--pad {}: expected {}", text, expected));
  return {values[0], values[2], values[1], values[3]};
}

/// The operator as a network of its own.
class OperatorGraph {
 public:
  explicit OperatorGraph(const OpOptions& options) : options_(options) {
    const bool product = options.op == "matmul";
    in_ = numbers("--in", options.in, 'x', 1,
                  product ? "ROWSxDEPTH or NxROWSxDEPTH, such as 128x768" : "NxCxHxW, such as 1x64x56x56");
    if (!product && in_.size() != 4) {
      throw UserError(fmt::format("--in {}: expected NxCxHxW, such as 1x64x56x56", options.in));
    }
    if (product && (in_.size() < 2 || in_.size() > 3)) {
      throw UserError(fmt::format("--in {}: expected ROWSxDEPTH or NxROWSxDEPTH", options.in));
    }
    if (product && in_.size() == 2) in_.insert(in_.begin(), 1);
    graph_.name = options.op;
  }

  ir::Graph build() {
    if (options_.op == "matmul") return matmul();
    if (options_.op == "eltwise") return eltwise();
    return options_.op == "conv" || options_.op == "depthwise" ? conv() : pool();
  }

 private:
  ir::TensorId tensor(const std::string& name, ir::Shape shape, ir::TensorRole role) {
    ir::Tensor tensor;
    tensor.name = name;
    tensor.shape = std::move(shape);
    tensor.role = role;
    const auto id = graph_.add_tensor(tensor);
    if (role == ir::TensorRole::input) graph_.inputs.push_back(id);
    return id;
  }

  ir::Graph finish(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs, std::string source) {
    ir::Op op;
    op.name = options_.op;
    op.kind = kind;
    op.attrs = std::move(attrs);
    op.inputs = std::move(inputs);
    op.source_op = std::move(source);
    op.outputs = {tensor("output", {}, ir::TensorRole::activation)};
    graph_.ops.push_back(op);
    graph_.tensor(op.outputs[0]).shape = ir::infer_shapes(graph_, op).at(0);
    graph_.outputs = op.outputs;
    ir::verify(graph_);
    return graph_;
  }

  [[nodiscard]] ir::Window window(std::int64_t kernel) const {
    ir::Window window;
    window.kernel = size_of("--kernel", options_.kernel, {kernel, kernel});
    window.stride = size_of("--stride", options_.stride, {1, 1});
    window.dilation = size_of("--dilation", options_.dilation, {1, 1});
    window.pad = padding_of(options_.pad);
    return window;
  }

  ir::Graph conv() {
    const bool depthwise = options_.op == "depthwise";
    ir::ConvAttrs attrs;
    attrs.window = window(depthwise ? 3 : 1);
    attrs.groups = depthwise ? in_[1] : options_.group;
    const std::int64_t out = options_.out_channels == 0 ? in_[1] : options_.out_channels;
    if (in_[1] % attrs.groups != 0 || out % attrs.groups != 0) {
      throw UserError(fmt::format("{} input and {} output channels do not divide into {} groups", in_[1], out,
                                  attrs.groups));
    }
    const auto x = tensor("input", in_, ir::TensorRole::input);
    const auto& k = attrs.window.kernel;
    const auto w = tensor("weight", {out, in_[1] / attrs.groups, k.h, k.w}, ir::TensorRole::weight);
    return finish(ir::OpKind::conv, attrs, {x, w}, "Conv");
  }

  ir::Graph pool() {
    ir::PoolAttrs attrs;
    attrs.kind = options_.op == "maxpool" ? ir::PoolKind::max : ir::PoolKind::average;
    attrs.window = window(2);
    const auto x = tensor("input", in_, ir::TensorRole::input);
    return finish(ir::OpKind::pool, attrs, {x}, options_.op == "maxpool" ? "MaxPool" : "AveragePool");
  }

  ir::Graph eltwise() {
    const auto a = tensor("a", in_, ir::TensorRole::input);
    const auto b = tensor("b", in_, ir::TensorRole::input);
    return finish(ir::OpKind::elementwise, ir::ElementwiseAttrs{ir::Function::add, 0, 0}, {a, b}, "Add");
  }

  ir::Graph matmul() {
    const std::int64_t out = options_.out_channels == 0 ? in_.back() : options_.out_channels;
    const auto x = tensor("input", in_, ir::TensorRole::input);
    const auto w = tensor("weight", {in_.back(), out}, ir::TensorRole::weight);
    return finish(ir::OpKind::matmul, ir::MatMulAttrs{}, {x, w}, "MatMul");
  }

  const OpOptions& options_;
  ir::Shape in_;
  ir::Graph graph_;
};

trace::Report evaluate(const OpOptions& options, const Config& description) {
  const ir::Graph graph = OperatorGraph(options).build();
  hw::EvaluateOptions how;
  hw::Evaluator evaluator(description, how.kernel);
  how.dtype = choose_dtype(options.dtype, evaluator.npu().dtypes(), options.hardware.hw);
  how.verify_program = options.check;
  how.spans = !options.trace.empty();
  return evaluator.evaluate(graph, how);
}

void op(const OpOptions& options) {
  const std::size_t format = choose("--format", options.format, {"text", "json", "csv"});
  const std::size_t chosen = choose("operator", options.op, kOperators);
  check_writable(options.output);
  check_writable(options.trace);
  Config description = resolve(options.hardware);
  if (options.local) {
    if (!description.has("mapping.local_operands")) {
      throw UserError(
          fmt::format("--local: {} has no operators whose operands are in its own memory from the start",
                      options.hardware.hw));
    }
    description.set("mapping.local_operands=true");
  }
  const bool transfer = kOperators[chosen] == "dma";
  if (transfer && options.bytes < 1) throw UserError("dma needs --bytes N of at least 1");
  const trace::Report report = transfer
                                   ? hw::run_transfer(description, options.from, options.to, options.bytes)
                                   : evaluate(options, description);
  if (!options.trace.empty()) write_output(options.trace, trace::to_chrome_trace(report));
  write_output(options.output, format == 0   ? trace::to_text(report)
                               : format == 1 ? trace::to_json(report)
                                             : trace::to_csv(report));
}

}  // namespace

void add_op(CLI::App& app) {
  auto options = std::make_shared<OpOptions>();
  CLI::App* command = app.add_subcommand("op", "simulate one operator on a chip");
  add_hardware_options(*command, options->hardware);
  const auto text = [command](const char* name, std::string& value, const char* what, const char* type) {
    command->add_option(name, value, what)->type_name(type);
  };
  command->add_option("operator", options->op, fmt::format("{}", fmt::join(kOperators, ", ")))
      ->required()
      ->type_name("OPERATOR");
  text("--in", options->in, "shape of the input, of a product ROWSxDEPTH", "NxCxHxW");
  text("--kernel", options->kernel, "N or HxW; default: conv 1, depthwise 3, pools 2", "SIZE");
  text("--stride", options->stride, "N or HxW; default: 1", "SIZE");
  text("--dilation", options->dilation, "N or HxW; default: 1", "SIZE");
  text("--pad", options->pad, "N or TOP,BOTTOM,LEFT,RIGHT; default: 0", "PAD");
  command->add_option("--out-channels", options->out_channels, "default: as many as the input's")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, kLargest));
  command->add_option("--group", options->group, "groups of a convolution; default: 1")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, kLargest));
  text("--dtype", options->dtype, "fp16, int8, ...; default: the chip's first", "TYPE");
  command->add_option("--bytes", options->bytes, "of a dma transfer")->type_name("N");
  text("--from", options->from, "memory that a dma transfer reads", "MEMORY");
  text("--to", options->to, "memory that a dma transfer writes", "MEMORY");
  command->add_flag("--local", options->local,
                    "operands and result in the engine's own memory: no transfers");
  command->add_flag("--check", options->check, "verify the compiled program before it runs");
  text("--format", options->format, "text, json or csv; default: text", "FORMAT");
  text("-o,--output", options->output, "write the report here instead of standard output", "FILE");
  text("--trace", options->trace, "write a Chrome trace, which Perfetto opens", "FILE");
  command->callback([options] { op(*options); });
}

}  // namespace npusim::cli
