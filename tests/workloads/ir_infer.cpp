// Shape inference of everything but convolutions and pools.
#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"

namespace npusim::ir {

TEST_CASE("broadcasting aligns shapes at the end and stretches ones") {
  CHECK(broadcast({4, 1, 3}, {5, 1}) == Shape{4, 5, 3});
  CHECK(broadcast({}, {2, 3}) == Shape{2, 3});
  CHECK(broadcast({1}, {0}) == Shape{0});
  CHECK(contains(user_error([] { broadcast({2, 3}, {2, 4}); }), "3 against 4"));
}

TEST_CASE("a matrix product contracts the last axis with the last but one") {
  const auto product = [](const Shape& a, const Shape& b, MatMulAttrs attrs = {}) {
    return shape_of_one(OpKind::matmul, attrs, {a, b});
  };
  CHECK(product({2, 3}, {3, 5}) == Shape{2, 5});
  CHECK(product({3, 2}, {5, 3}, {true, true}) == Shape{2, 5});
  CHECK(product({8, 1, 2, 3}, {4, 3, 5}) == Shape{8, 4, 2, 5});
  CHECK(product({3}, {3, 5}) == Shape{5});
  CHECK(product({7, 2, 3}, {3}) == Shape{7, 2});
  CHECK(product({3}, {3}) == Shape{});
  CHECK(contains(user_error([&] {
                   product({2, 3}, {4, 5});
                 }),
                 "inner dimensions differ: 2x3 by 4x5 is 3 against 4"));
  CHECK_THROWS_AS(product({2, 2, 3}, {3, 3, 5}), UserError);
  CHECK_THROWS_AS(product({}, {3, 5}), UserError);
}

TEST_CASE("a matrix product's bias must broadcast to the output, not the other way round") {
  CHECK(shape_of_one(OpKind::matmul, MatMulAttrs{}, {{2, 3}, {3, 5}, {5}}) == Shape{2, 5});
  CHECK(shape_of_one(OpKind::matmul, MatMulAttrs{}, {{2, 3}, {3, 5}, {}}) == Shape{2, 5});
  CHECK_THROWS_AS(shape_of_one(OpKind::matmul, MatMulAttrs{}, {{2, 3}, {3, 5}, {4, 2, 5}}), UserError);
}

TEST_CASE("a reduction keeps its axes as ones, or drops them") {
  CHECK(shape_of_one(OpKind::reduce, ReduceAttrs{ReduceKind::mean, {2, 3}, true}, {{2, 8, 7, 7}}) ==
        Shape{2, 8, 1, 1});
  CHECK(shape_of_one(OpKind::reduce, ReduceAttrs{ReduceKind::sum, {0, 3}, false}, {{2, 8, 7, 7}}) ==
        Shape{8, 7});
  CHECK_THROWS_AS(shape_of_one(OpKind::reduce, ReduceAttrs{ReduceKind::mean, {4}}, {{2, 8, 7, 7}}),
                  UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::reduce, ReduceAttrs{ReduceKind::mean, {3, 2}}, {{2, 8, 7, 7}}),
                  UserError);
}

TEST_CASE("element-wise functions broadcast two operands and take as many as they have") {
  const auto apply = [](Function function, const std::vector<Shape>& inputs) {
    return shape_of_one(OpKind::elementwise, ElementwiseAttrs{function}, inputs);
  };
  CHECK(apply(Function::add, {{1, 64, 56, 56}, {64, 1, 1}}) == Shape{1, 64, 56, 56});
  CHECK(apply(Function::where, {{3, 1}, {4}, {}}) == Shape{3, 4});
  CHECK(apply(Function::relu, {{2, 3}}) == Shape{2, 3});
  CHECK(apply(Function::clip, {{2, 3}, {}, {}}) == Shape{2, 3});
  CHECK(apply(Function::prelu, {{1, 8, 4, 4}, {8, 1, 1}}) == Shape{1, 8, 4, 4});
  CHECK_THROWS_AS(apply(Function::prelu, {{1, 8, 1, 1}, {8, 4, 4}}), UserError);
  CHECK(contains(user_error([&] { apply(Function::add, {{2}}); }), "has 1 inputs, expected 2"));
  CHECK_THROWS_AS(apply(Function::relu, {{2}, {2}}), UserError);
  CHECK(contains(user_error([&] { apply(Function::mul, {{2, 3}, {4}}); }), "operator 'elementwise_0'"));
}

TEST_CASE("normalisation keeps the shape and checks its parameters") {
  const NormAttrs batch{NormKind::batch}, layer{NormKind::layer, 2}, instance{NormKind::instance};
  const Shape x{2, 8, 4, 4}, c{8};
  CHECK(shape_of_one(OpKind::norm, batch, {x, c, c, c, c}) == x);
  CHECK(shape_of_one(OpKind::norm, instance, {x, c, c}) == x);
  CHECK(shape_of_one(OpKind::norm, layer, {x, {4, 4}, {4}}) == x);
  CHECK_THROWS_AS(shape_of_one(OpKind::norm, batch, {x, c, c}), UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::norm, batch, {x, c, c, c, {7}}), UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::norm, layer, {x, {8, 4, 4}}), UserError);
}

TEST_CASE("softmax and transpose refuse axes outside the rank") {
  CHECK(shape_of_one(OpKind::softmax, SoftmaxAttrs{1}, {{2, 10}}) == Shape{2, 10});
  CHECK_THROWS_AS(shape_of_one(OpKind::softmax, SoftmaxAttrs{-1}, {{2, 10}}), UserError);
  CHECK(shape_of_one(OpKind::transpose, TransposeAttrs{{0, 2, 3, 1}}, {{1, 3, 4, 5}}) == Shape{1, 4, 5, 3});
  CHECK_THROWS_AS(shape_of_one(OpKind::transpose, TransposeAttrs{{0, 0}}, {{2, 3}}), UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::transpose, TransposeAttrs{{0}}, {{2, 3}}), UserError);
}

TEST_CASE("concat adds up one axis and split takes it apart") {
  CHECK(shape_of_one(OpKind::concat, ConcatAttrs{1}, {{1, 64, 28, 28}, {1, 128, 28, 28}, {1, 32, 28, 28}}) ==
        Shape{1, 224, 28, 28});
  CHECK_THROWS_AS(shape_of_one(OpKind::concat, ConcatAttrs{1}, {{1, 64, 28, 28}, {1, 64, 28, 27}}),
                  UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::concat, ConcatAttrs{1}, {{1, 64}, {1, 64, 1}}), UserError);
  Graph graph;
  append(graph, OpKind::split, SplitAttrs{1, {3, 5}}, {add_input(graph, {2, 8})});
  CHECK(infer_shapes(graph, graph.ops[0]) == std::vector<Shape>{{2, 3}, {2, 5}});
  CHECK(contains(user_error([] {
                   shape_of_one(OpKind::split, SplitAttrs{1, {3, 4}}, {{2, 8}});
                 }),
                 "the parts of axis 1 of 2x8 add up to 7"));
}

TEST_CASE("padding grows an axis, crops when negative, and reflects less than the axis") {
  using Mode = PadAttrs::Mode;
  CHECK(shape_of_one(OpKind::pad, PadAttrs{{0, 0, 1, 2}, {0, 0, 1, -1}}, {{1, 3, 10, 10}}) ==
        Shape{1, 3, 12, 11});
  CHECK_THROWS_AS(shape_of_one(OpKind::pad, PadAttrs{{-6}, {-6}}, {{10}}), UserError);
  CHECK(shape_of_one(OpKind::pad, PadAttrs{{9}, {0}, Mode::reflect}, {{10}}) == Shape{19});
  CHECK_THROWS_AS(shape_of_one(OpKind::pad, PadAttrs{{10}, {0}, Mode::reflect}, {{10}}), UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::pad, PadAttrs{{1}, {1}}, {{10, 10}}), UserError);
}

TEST_CASE("depth moves to space and back in blocks") {
  CHECK(shape_of_one(OpKind::depth_to_space, BlockAttrs{2}, {{1, 12, 5, 6}}) == Shape{1, 3, 10, 12});
  CHECK(shape_of_one(OpKind::space_to_depth, BlockAttrs{2}, {{1, 3, 10, 12}}) == Shape{1, 12, 5, 6});
  CHECK_THROWS_AS(shape_of_one(OpKind::depth_to_space, BlockAttrs{2}, {{1, 10, 5, 6}}), UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::space_to_depth, BlockAttrs{2}, {{1, 3, 9, 12}}), UserError);
}

TEST_CASE("gather replaces one axis by the indices' shape") {
  CHECK(shape_of_one(OpKind::gather, GatherAttrs{0}, {{30000, 768}, {1, 128}}) == Shape{1, 128, 768});
  CHECK(shape_of_one(OpKind::gather, GatherAttrs{1}, {{2, 5, 7}, {}}) == Shape{2, 7});
  CHECK_THROWS_AS(shape_of_one(OpKind::gather, GatherAttrs{2}, {{2, 5}, {}}), UserError);
}

TEST_CASE("operators whose output shape is given check that it fits") {
  CHECK(shape_of_one(OpKind::reshape, ReshapeAttrs{}, {{1, 8, 1, 1}}, {{1, 8}}) == Shape{1, 8});
  CHECK(contains(user_error([] {
                   shape_of_one(OpKind::reshape, ReshapeAttrs{}, {{2, 8}}, {{4, 5}});
                 }),
                 "cannot reshape 2x8 to 4x5"));
  CHECK(shape_of_one(OpKind::expand, ExpandAttrs{}, {{1, 8}}, {{3, 4, 8}}) == Shape{3, 4, 8});
  CHECK_THROWS_AS(shape_of_one(OpKind::expand, ExpandAttrs{}, {{2, 8}}, {{3, 8}}), UserError);
  CHECK(shape_of_one(OpKind::resize, ResizeAttrs{}, {{1, 3, 4, 4}}, {{1, 3, 8, 8}}) == Shape{1, 3, 8, 8});
  CHECK_THROWS_AS(shape_of_one(OpKind::resize, ResizeAttrs{}, {{1, 3, 4, 4}}, {{3, 8, 8}}), UserError);
  CHECK(shape_of_one(OpKind::shape_of, ShapeOfAttrs{}, {{1, 3, 4}}, {{3}}) == Shape{3});
  CHECK_THROWS_AS(shape_of_one(OpKind::shape_of, ShapeOfAttrs{}, {{1, 3, 4}}, {{4}}), UserError);
}

TEST_CASE("a slice must stay inside its input, forwards and backwards") {
  CHECK(shape_of_one(OpKind::slice, SliceAttrs{{0, 1}, {1, 2}}, {{4, 6}}, {{4, 3}}) == Shape{4, 3});
  CHECK_THROWS_AS(shape_of_one(OpKind::slice, SliceAttrs{{0, 2}, {1, 2}}, {{4, 6}}, {{4, 3}}), UserError);
  CHECK(shape_of_one(OpKind::slice, SliceAttrs{{5}, {-1}}, {{6}}, {{6}}) == Shape{6});
  CHECK_THROWS_AS(shape_of_one(OpKind::slice, SliceAttrs{{4}, {-1}}, {{6}}, {{6}}), UserError);
  CHECK_THROWS_AS(shape_of_one(OpKind::slice, SliceAttrs{{0}, {0}}, {{6}}, {{1}}), UserError);
}

TEST_CASE("casts, quantisation and identity keep the shape") {
  const Shape x{1, 3, 4, 4};
  CHECK(shape_of_one(OpKind::cast, CastAttrs{}, {x}) == x);
  CHECK(shape_of_one(OpKind::quantize, QuantizeAttrs{}, {x, {3}, {3}}) == x);
  CHECK(shape_of_one(OpKind::dequantize, QuantizeAttrs{}, {x, {}}) == x);
  CHECK(shape_of_one(OpKind::identity, IdentityAttrs{}, {x}) == x);
}

TEST_CASE("attributes of another kind are npusim's fault") {
  CHECK_THROWS_AS(shape_of_one(OpKind::conv, ReshapeAttrs{}, {{1, 3, 4, 4}, {3, 3, 1, 1}}), InternalError);
  CHECK_THROWS_AS(shape_of_one(OpKind::elementwise, ReshapeAttrs{}, {{1}}), InternalError);
  CHECK_THROWS_AS(shape_of_one(OpKind::norm, ReshapeAttrs{}, {{1}}), InternalError);
}

}  // namespace npusim::ir
