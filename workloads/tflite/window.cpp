#include "workloads/tflite/window.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/units.h"

namespace npusim::tflite {

Border same_padding(const WindowAxis& axis) {
  const std::int64_t reach = (axis.kernel - 1) * axis.dilation + 1;
  const std::int64_t total =
      std::max<std::int64_t>(0, (ceil_div(axis.size, axis.stride) - 1) * axis.stride + reach - axis.size);
  return {total / 2, total - total / 2};
}

ir::Window window_of(const Operator& op, format::Padding padding, const WindowAxis& rows,
                     const WindowAxis& columns) {
  constexpr std::int64_t kMost = 1 << 20;
  for (const WindowAxis& axis : {rows, columns}) {
    op.expect_range(axis.kernel, 1, kMost, "the kernel's size");
    op.expect_range(axis.stride, 1, kMost, "a stride");
    op.expect_range(axis.dilation, 1, kMost, "a dilation");
  }
  ir::Window window{
      {rows.kernel, columns.kernel}, {rows.stride, columns.stride}, {rows.dilation, columns.dilation}, {}};
  if (padding == format::Padding::VALID) return window;
  if (padding != format::Padding::SAME) {
    op.fail(fmt::format("padding {}; expected SAME (0) or VALID (1)", static_cast<int>(padding)));
  }
  const Border vertical = same_padding(rows), horizontal = same_padding(columns);
  window.pad = {vertical.before, horizontal.before, vertical.after, horizontal.after};
  return window;
}

}  // namespace npusim::tflite
