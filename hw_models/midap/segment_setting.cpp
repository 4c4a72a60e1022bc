#include "hw_models/midap/segment_setting.h"

namespace npusim::midap {

namespace {

Work work_of(const Layer& layer) {
  switch (layer.kind) {
    case Kind::gemm:
      return Work::gemm;
    case Kind::depthwise:
      return Work::depthwise;
    case Kind::max_pool:
      return Work::max_pool;
    case Kind::average_pool:
      return Work::average_pool;
    case Kind::arithmetic:
      return layer.op == "mul" ? Work::product : Work::sum;
    default:
      return Work::conv;
  }
}

void set_result(PipelineSetting& s, const Layer& layer) {
  s.map_h = layer.map.h;
  s.map_c = layer.map.c;
  s.z_begin = layer.z_begin;
  s.z_end = layer.z_end;
  s.x_begin = layer.x_begin;
  s.own_w = layer.own.w;
  s.reverse = layer.schedule.reverse_write ? 1 : 0;
  for (const auto& out : layer.schedule.outputs) {
    s.outputs.push_back({out.bank, out.planes.head, out.planes.tail});
  }
}

void set_window(PipelineSetting& s, const Window& window) {
  s.kw = window.kw;
  s.kh = window.kh;
  s.stride_w = window.stride_w;
  s.stride_h = window.stride_h;
  s.dilation_w = window.dilation_w;
  s.dilation_h = window.dilation_h;
  s.left = window.left;
  s.top = window.top;
}

}  // namespace

PipelineSetting segment_setting(const Spec& spec, const Network& net, const Layer& layer,
                                const std::vector<Mapping>& pieces, std::int64_t first, std::int64_t last) {
  PipelineSetting s;
  s.work = work_of(layer);
  const MapShape in = input_shape(net, layer);
  s.in_w = in.w;
  s.in_h = in.h;
  s.in_c = in.c;
  s.scale_w = layer.scale_w;
  s.scale_h = layer.scale_h;
  s.zeros = layer.zero_inserted ? 1 : 0;
  s.crop = layer.crop_left;
  if (layer.windowed() && layer.kind != Kind::gemm) set_window(s, layer.window);
  s.first = first;
  s.last = last;
  s.rows = layer.kind == Kind::gemm ? 1 : layer.kind == Kind::arithmetic ? in.h : layer.map.h;
  s.filters = layer.kind == Kind::arithmetic ? spec.lanes : layer.filters;
  s.conv_groups = layer.groups;
  s.group_depth = layer.group_depth;
  s.own_c = layer.own.c;
  s.filter_bytes = layer.filter_bytes;
  s.broadcast = layer.broadcast ? 1 : 0;
  s.bias = layer.bias ? 1 : 0;
  s.reduce = layer.reduction != kNoLayer ? 1 : 0;
  set_result(s, layer);
  for (const auto& piece : pieces) s.pieces.push_back({piece.bank, piece.planes.head, piece.planes.tail});
  return s;
}

PipelineSetting reduction_setting(const Network& net, const Layer& layer) {
  PipelineSetting s;
  s.work = work_of(layer);
  set_result(s, net.at(layer.reduction));
  return s;
}

}  // namespace npusim::midap
