// Output shapes of convolutions and pools.
#include "workloads/ir/infer_subject.h"

namespace npusim::ir {

namespace {

struct Axis {
  std::int64_t kernel, stride, dilation, before, after;
};

Axis horizontal(const Window& w) { return {w.kernel.w, w.stride.w, w.dilation.w, w.pad.left, w.pad.right}; }
Axis vertical(const Window& w) { return {w.kernel.h, w.stride.h, w.dilation.h, w.pad.top, w.pad.bottom}; }

void check(const Subject& s, const Axis& a) {
  s.expect(a.kernel >= 1 && a.stride >= 1 && a.dilation >= 1,
           "kernel {}, stride {} and dilation {} must be at least 1", a.kernel, a.stride, a.dilation);
}

std::int64_t reach(const Axis& a) { return (a.kernel - 1) * a.dilation + 1; }

std::int64_t windows(const Subject& s, const Axis& a, std::int64_t size) {
  check(s, a);
  const std::int64_t room = size + a.before + a.after - reach(a);
  if (room < 0) {
    s.fail(fmt::format("a window of {} does not fit into {} with padding {} and {}", reach(a), size, a.before,
                       a.after));
  }
  return room / a.stride + 1;
}

std::int64_t transposed_size(const Subject& s, const Axis& a, std::int64_t size, std::int64_t extra) {
  check(s, a);
  const std::int64_t out = a.stride * (size - 1) + extra + reach(a) - a.before - a.after;
  s.expect(out >= 1, "output size {} is not positive", out);
  return out;
}

/// Spatial rank 1 or 2 of [N,C,L] or [N,C,H,W].
bool two_dimensional(const Subject& s, const Shape& x) {
  if (x.size() != 3 && x.size() != 4) {
    s.fail(fmt::format("expected an input [N,C,L] or [N,C,H,W], got {}", to_string(x)));
  }
  return x.size() == 4;
}

Shape windowed(const Subject& s, const Window& w, const Shape& x, std::int64_t channels) {
  Shape out{x[0], channels};
  if (two_dimensional(s, x)) {
    out.push_back(windows(s, vertical(w), x[2]));
  } else {
    s.expect(w.kernel.h == 1 && w.pad.top == 0 && w.pad.bottom == 0, "a 1-D operator's window has height 1");
  }
  out.push_back(windows(s, horizontal(w), x.back()));
  return out;
}

/// The checks that both convolutions share: ranks, kernel, bias.
void check_weights(const Subject& s, const ConvAttrs& a, std::int64_t out_channels) {
  const Shape &x = s.in(0), &w = s.in(1);
  const bool flat = !two_dimensional(s, x);
  s.expect_rank(w.size(), x, "weight");
  if (elements(w) == 0) s.fail(fmt::format("the weight {} is empty", to_string(w)));
  const Hw kernel{flat ? 1 : w[2], w.back()};
  if (!(kernel == a.window.kernel)) {
    s.fail(fmt::format("the kernel is {}x{}, but the weight is {}", a.window.kernel.h, a.window.kernel.w,
                       to_string(w)));
  }
  if (s.has(2) && s.in(2) != Shape{out_channels}) {
    s.fail(fmt::format("bias {} must have {} elements", to_string(s.in(2)), out_channels));
  }
}

}  // namespace

Shape infer_conv(const Subject& s) {
  const auto& a = s.attrs<ConvAttrs>();
  const Shape &x = s.in(0), &w = s.in(1);
  check_weights(s, a, w.at(0));
  if (a.groups < 1 || x[1] != w[1] * a.groups || w[0] % a.groups != 0) {
    s.fail(fmt::format(
        "input {} has {} channels, but weight {} with {} groups takes {} (outputs must divide into "
        "the groups)",
        to_string(x), x[1], to_string(w), a.groups, w[1] * a.groups));
  }
  return windowed(s, a.window, x, w[0]);
}

Shape infer_conv_transpose(const Subject& s) {
  const auto& a = s.attrs<ConvAttrs>();
  const Shape &x = s.in(0), &w = s.in(1);
  const bool flat = !two_dimensional(s, x);
  s.expect_rank(w.size(), x, "weight");
  check_weights(s, a, w[1] * a.groups);
  if (a.groups < 1 || x[1] != w[0] || w[0] % a.groups != 0) {
    s.fail(fmt::format("input {} has {} channels, but weight {} with {} groups takes {}", to_string(x), x[1],
                       to_string(w), a.groups, w[0]));
  }
  Shape out{x[0], w[1] * a.groups};
  if (!flat) out.push_back(transposed_size(s, vertical(a.window), x[2], a.output_padding.h));
  out.push_back(transposed_size(s, horizontal(a.window), x.back(), a.output_padding.w));
  return out;
}

Shape infer_pool(const Subject& s) {
  const auto& a = s.attrs<PoolAttrs>();
  const Shape& x = s.in(0);
  two_dimensional(s, x);
  return windowed(s, a.window, x, x[1]);
}

}  // namespace npusim::ir
