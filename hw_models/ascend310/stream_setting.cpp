// Streaming operators' settings as text and back.
#include "hw_models/ascend310/stream_setting.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::ascend310 {

namespace {

constexpr const char* kName = "stream";

/// Writes numbers, separated by commas, with as many digits as they need to come back.
class Writer {
 public:
  template <class T>
  Writer& operator<<(T value) {
    if (!text_.empty()) text_ += ',';
    text_ += fmt::format("{}", value);
    return *this;
  }
  Writer& operator<<(bool value) { return *this << (value ? 1 : 0); }
  template <class T>
  Writer& operator<<(const std::vector<T>& values) {
    *this << values.size();
    for (const auto& value : values) *this << value;
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Reader {
 public:
  explicit Reader(const std::string& text) : in_(text) {}
  double real() {
    std::string part;
    if (!std::getline(in_, part, ',')) throw InternalError("a stream setting's value ends early");
    return std::stod(part);
  }
  std::int64_t integer() { return static_cast<std::int64_t>(real()); }
  std::vector<std::int64_t> integers() {
    std::vector<std::int64_t> out(static_cast<std::size_t>(integer()));
    for (auto& value : out) value = integer();
    return out;
  }
  std::vector<double> reals() {
    std::vector<double> out(static_cast<std::size_t>(integer()));
    for (auto& value : out) value = real();
    return out;
  }
  template <class E>
  E choice() {
    return static_cast<E>(integer());
  }

 private:
  std::istringstream in_;
};

void write(Writer& out, const Order& order) {
  const BlockShape& s = order.shape;
  out << static_cast<int>(order.kind) << s.n << s.c << s.h << s.w << s.c1 << s.block_bytes
      << static_cast<int>(order.dtype) << order.elements;
}
Order read_order(Reader& in) {
  Order order;
  order.kind = in.choice<Order::Kind>();
  BlockShape& s = order.shape;
  for (std::int64_t* value : {&s.n, &s.c, &s.h, &s.w, &s.c1, &s.block_bytes}) *value = in.integer();
  order.dtype = in.choice<ir::DType>();
  order.elements = in.integer();
  return order;
}

void write(Writer& out, const ir::ElementwiseAttrs& op) {
  out << static_cast<int>(op.function) << op.alpha << op.beta;
}
ir::ElementwiseAttrs read_function(Reader& in) {
  ir::ElementwiseAttrs op;
  op.function = in.choice<ir::Function>();
  op.alpha = in.real();
  op.beta = in.real();
  return op;
}

std::string text_of(const StreamInput& input) {
  Writer out;
  write(out, input.order);
  out << input.exponent << input.resident << input.offset;
  for (const auto& axis : input.axes) {
    out << axis.step << axis.lo << axis.hi << axis.taps << axis.table << axis.weights;
  }
  return out.text();
}
StreamInput read_input(const std::string& text, std::size_t rank) {
  Reader in(text);
  StreamInput input;
  input.order = read_order(in);
  input.exponent = in.integer();
  input.resident = in.integer() != 0;
  input.offset = in.integer();
  for (std::size_t d = 0; d < rank; ++d) {
    AxisMap axis;
    axis.step = in.integer();
    axis.lo = in.integer();
    axis.hi = in.integer();
    axis.taps = in.integer();
    axis.table = in.integers();
    axis.weights = in.reals();
    input.axes.push_back(std::move(axis));
  }
  return input;
}

std::string window_text(const StreamSetting& s) {
  const ir::Window& w = s.window;
  Writer out;
  out << w.kernel.h << w.kernel.w << w.stride.h << w.stride.w << w.dilation.h << w.dilation.w << w.pad.top
      << w.pad.left << w.pad.bottom << w.pad.right << s.average << s.count_include_pad << s.rounding.h
      << s.rounding.w;
  return out.text();
}
void read_window(const std::string& text, StreamSetting& s) {
  Reader in(text);
  ir::Window& w = s.window;
  for (std::int64_t* value : {&w.kernel.h, &w.kernel.w, &w.stride.h, &w.stride.w, &w.dilation.h,
                              &w.dilation.w, &w.pad.top, &w.pad.left, &w.pad.bottom, &w.pad.right}) {
    *value = in.integer();
  }
  s.average = in.integer() != 0;
  s.count_include_pad = in.integer() != 0;
  s.rounding.h = in.integer();
  s.rounding.w = in.integer();
}

void read_value(const std::string& key, const std::string& text, StreamSetting& s) {
  Reader in(text);
  if (key == "kind") {
    s.kind = in.choice<StreamSetting::Kind>();
    s.main_inputs = in.integer();
    s.type = in.choice<ir::DType>();
    s.result_type = in.choice<ir::DType>();
    s.exponent = in.integer();
    s.fill = in.real();
    s.epsilon = in.real();
    s.given_moments = in.integer() != 0;
    s.reduce = in.choice<ir::ReduceKind>();
  } else if (key == "out") {
    s.out = read_order(in);
    s.axes = in.integers();
  } else if (key == "in") {
    s.inputs.push_back(read_input(text, s.axes.size()));
  } else if (key == "function") {
    s.function = read_function(in);
  } else if (key == "reduced") {
    const std::int64_t extent = in.integer();
    s.reduced.emplace_back(extent, in.integer());
  } else if (key == "grouped") {
    s.grouped = in.integers();
  } else if (key == "window") {
    read_window(text, s);
  } else if (key == "step") {
    StreamStep step;
    step.op = read_function(in);
    step.input = in.integer();
    step.exponent = in.integer();
    s.steps.push_back(step);
  } else {
    throw InternalError(fmt::format("setting '{}' has no value '{}'", kName, key));
  }
}

}  // namespace

program::Setting to_setting(const StreamSetting& s) {
  program::Setting out;
  out.name = kName;
  const auto add = [&out](const char* key, const std::string& text) { out.values.emplace_back(key, text); };
  Writer kind;
  kind << static_cast<int>(s.kind) << s.main_inputs << static_cast<int>(s.type)
       << static_cast<int>(s.result_type) << s.exponent << s.fill << s.epsilon << s.given_moments
       << static_cast<int>(s.reduce);
  add("kind", kind.text());
  Writer result;
  write(result, s.out);
  result << s.axes;
  add("out", result.text());
  for (const auto& input : s.inputs) add("in", text_of(input));
  if (s.function) {
    Writer function;
    write(function, *s.function);
    add("function", function.text());
  }
  for (const auto& axis : s.reduced) add("reduced", (Writer() << axis.first << axis.second).text());
  if (!s.grouped.empty()) add("grouped", (Writer() << s.grouped).text());
  if (s.kind == StreamSetting::Kind::pool) add("window", window_text(s));
  for (const auto& step : s.steps) {
    Writer text;
    write(text, step.op);
    text << step.input << step.exponent;
    add("step", text.text());
  }
  return out;
}

StreamSetting stream_setting(const program::Setting& setting) {
  if (setting.name != kName) {
    throw InternalError(fmt::format("a setting '{}' where '{}' belongs", setting.name, kName));
  }
  StreamSetting out;
  for (const auto& [key, text] : setting.values) read_value(key, text, out);
  return out;
}

}  // namespace npusim::ascend310
