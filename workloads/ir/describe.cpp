#include "workloads/ir/describe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace npusim::ir {

namespace {

std::string pair(Hw v) { return v.h == v.w ? fmt::format("{}", v.h) : fmt::format("{}x{}", v.h, v.w); }

std::string describe(const Window& w) {
  std::string out = fmt::format(" {}x{}", w.kernel.h, w.kernel.w);
  if (!(w.stride == Hw{1, 1})) out += " s" + pair(w.stride);
  if (!(w.dilation == Hw{1, 1})) out += " d" + pair(w.dilation);
  const Padding& p = w.pad;
  const bool even = p.top == p.bottom && p.left == p.right && p.top == p.left;
  if (even && p.top != 0) out += fmt::format(" p{}", p.top);
  if (!even) out += fmt::format(" p{},{},{},{}", p.top, p.left, p.bottom, p.right);
  return out;
}

std::string list(const std::vector<std::int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

/// The text behind the kind's name, one overload for each attribute type.
struct Attributes {
  std::string operator()(const ConvAttrs& a) const {
    std::string out = describe(a.window);
    if (a.groups != 1) out += fmt::format(" g{}", a.groups);
    if (!(a.output_padding == Hw{0, 0})) out += " op" + pair(a.output_padding);
    return out;
  }
  std::string operator()(const MatMulAttrs& a) const {
    return std::string(a.transpose_a ? " ta" : "") + (a.transpose_b ? " tb" : "");
  }
  std::string operator()(const PoolAttrs& a) const {
    const std::string kind = a.kind == PoolKind::max ? " max" : " average";
    return kind + describe(a.window) + (a.count_include_pad ? " include_pad" : "") +
           (a.rounding == Hw{0, 0} ? "" : " ceil" + pair(a.rounding));
  }
  std::string operator()(const ReduceAttrs& a) const {
    const char* kind = a.kind == ReduceKind::mean ? " mean " : a.kind == ReduceKind::sum ? " sum " : " max ";
    return kind + list(a.axes) + (a.keepdims ? "" : " squeeze");
  }
  std::string operator()(const ElementwiseAttrs& a) const { return fmt::format(" {}", ir::describe(a)); }
  std::string operator()(const NormAttrs& a) const {
    const char* kind = a.kind == NormKind::batch   ? " batch"
                       : a.kind == NormKind::layer ? " layer"
                                                   : " instance";
    return fmt::format("{} axis{}", kind, a.axis);
  }
  std::string operator()(const SoftmaxAttrs& a) const { return fmt::format(" axis{}", a.axis); }
  std::string operator()(const ConcatAttrs& a) const { return fmt::format(" axis{}", a.axis); }
  std::string operator()(const SplitAttrs& a) const {
    return fmt::format(" axis{} {}", a.axis, list(a.sizes));
  }
  std::string operator()(const SliceAttrs& a) const {
    return fmt::format(" from{} by{}", list(a.starts), list(a.steps));
  }
  std::string operator()(const ReshapeAttrs&) const { return ""; }
  std::string operator()(const TransposeAttrs& a) const { return fmt::format(" {}", list(a.permutation)); }
  std::string operator()(const PadAttrs& a) const {
    using Mode = PadAttrs::Mode;
    const char* mode = a.mode == Mode::constant ? "" : a.mode == Mode::reflect ? " reflect" : " edge";
    return fmt::format(" {}{}{}", list(a.before), list(a.after), mode);
  }
  std::string operator()(const ResizeAttrs& a) const {
    using Mode = ResizeAttrs::Mode;
    std::string out = a.mode == Mode::nearest ? " nearest" : a.mode == Mode::linear ? " linear" : " cubic";
    const ResizeAttrs usual;
    if (a.coordinates != usual.coordinates) out += fmt::format(" c{}", static_cast<int>(a.coordinates));
    if (a.mode == Mode::nearest && a.rounding != usual.rounding) {
      out += fmt::format(" r{}", static_cast<int>(a.rounding));
    }
    if (a.mode == Mode::cubic && a.cubic_coefficient != usual.cubic_coefficient) {
      out += fmt::format(" a{}", a.cubic_coefficient);
    }
    if (a.exclude_outside) out += " exclude_outside";
    if (a.antialias) out += " antialias";
    if (!a.scales.empty()) out += fmt::format(" [{}]", fmt::join(a.scales, ","));
    return out;
  }
  std::string operator()(const BlockAttrs& a) const {
    return fmt::format(" {}{}", a.block, a.column_row_depth ? " crd" : "");
  }
  std::string operator()(const GatherAttrs& a) const { return fmt::format(" axis{}", a.axis); }
  std::string operator()(const ExpandAttrs&) const { return ""; }
  std::string operator()(const CastAttrs&) const { return ""; }
  std::string operator()(const QuantizeAttrs& a) const { return fmt::format(" axis{}", a.axis); }
  std::string operator()(const ShapeOfAttrs&) const { return ""; }
  std::string operator()(const IdentityAttrs&) const { return ""; }
};

}  // namespace

std::string describe(const ElementwiseAttrs& attrs) {
  std::string out(to_string(attrs.function));
  if (attrs.alpha != 0 || attrs.beta != 0)
    out += fmt::format("[{},{}]", static_cast<float>(attrs.alpha), static_cast<float>(attrs.beta));
  return out;
}

std::string describe(const Op& op) {
  return std::string(to_string(op.kind)) + std::visit(Attributes{}, op.attrs);
}

}  // namespace npusim::ir
