// Shape inference of convolutions and pools.
#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"

namespace npusim::ir {

TEST_CASE("a 7x7 convolution of stride 2 and padding 3 halves 224 to 112") {
  CHECK(shape_of_one(OpKind::conv, ConvAttrs{window(7, 2, 3)}, {{1, 3, 224, 224}, {64, 3, 7, 7}, {64}}) ==
        Shape{1, 64, 112, 112});
}

TEST_CASE("a convolution rounds its output size down") {
  CHECK(shape_of_one(OpKind::conv, ConvAttrs{window(3, 2)}, {{2, 8, 10, 11}, {4, 8, 3, 3}}) ==
        Shape{2, 4, 4, 5});
}

TEST_CASE("padding of a convolution may differ on each side") {
  ConvAttrs attrs{window(3, 2)};
  attrs.window.pad = {0, 1, 1, 2};  // top, left, bottom, right
  CHECK(shape_of_one(OpKind::conv, attrs, {{1, 3, 224, 224}, {8, 3, 3, 3}}) == Shape{1, 8, 112, 113});
}

TEST_CASE("a 3x3 kernel dilated by 2 reaches over 5 elements") {
  CHECK(shape_of_one(OpKind::conv, ConvAttrs{window(3, 1, 0, 2)}, {{1, 4, 9, 9}, {4, 4, 3, 3}}) ==
        Shape{1, 4, 5, 5});
  CHECK_THROWS_AS(shape_of_one(OpKind::conv, ConvAttrs{window(3, 1, 0, 2)}, {{1, 4, 4, 9}, {4, 4, 3, 3}}),
                  UserError);
}

TEST_CASE("a depthwise convolution has one group a channel") {
  CHECK(shape_of_one(OpKind::conv, ConvAttrs{window(3, 1, 1), 32}, {{1, 32, 14, 14}, {32, 1, 3, 3}}) ==
        Shape{1, 32, 14, 14});
}

TEST_CASE("a one-dimensional convolution has a window of height 1") {
  ConvAttrs attrs;
  attrs.window = {{1, 5}, {1, 2}, {1, 1}, {0, 2, 0, 2}};
  CHECK(shape_of_one(OpKind::conv, attrs, {{1, 16, 100}, {32, 16, 5}}) == Shape{1, 32, 50});
  attrs.window.pad.top = 1;
  CHECK(contains(user_error([&] {
                   shape_of_one(OpKind::conv, attrs, {{1, 16, 100}, {32, 16, 5}});
                 }),
                 "height 1"));
}

TEST_CASE("a convolution refuses what does not fit together, and says what") {
  const auto error = [](ConvAttrs attrs, const std::vector<Shape>& inputs) {
    return user_error([&] { shape_of_one(OpKind::conv, attrs, inputs); });
  };
  const Shape x{1, 8, 10, 10};
  CHECK(contains(error({window(3)}, {x, {4, 3, 3, 3}}), "has 8 channels"));
  CHECK(contains(error({window(3), 3}, {x, {4, 8, 3, 3}}), "with 3 groups takes 24"));
  CHECK(contains(error({window(3), 2}, {x, {5, 4, 3, 3}}), "divide into"));
  CHECK(contains(error({window(5)}, {x, {4, 8, 3, 3}}), "the kernel is 5x5, but the weight is 4x8x3x3"));
  CHECK(contains(error({window(3)}, {x, {4, 8, 3, 3}, {5}}), "must have 4 elements"));
  CHECK(contains(error({window(3, 0)}, {x, {4, 8, 3, 3}}), "at least 1"));
  CHECK(contains(error({window(11)}, {x, {4, 8, 11, 11}}), "a window of 11 does not fit into 10"));
  CHECK(contains(error({window(3)}, {{8, 10}, {4, 8, 3, 3}}), "[N,C,H,W], got 8x10"));
  CHECK(contains(error({window(3)}, {x, {4, 8, 3}}), "rank"));
  CHECK(contains(error({window(3)}, {x, {0, 8, 3, 3}}), "the weight 0x8x3x3 is empty"));
  CHECK(contains(error({window(3)}, {x}), "has 1 inputs, expected 2 to 3"));
  CHECK(contains(error({window(3)}, {x, {4, 3, 3, 3}}), "operator 'conv_0' (conv)"));
}

TEST_CASE("a transposed convolution of kernel 4, stride 2 and padding 1 doubles its input") {
  CHECK(shape_of_one(OpKind::conv_transpose, ConvAttrs{window(4, 2, 1)}, {{1, 64, 7, 7}, {64, 32, 4, 4}}) ==
        Shape{1, 32, 14, 14});
}

TEST_CASE("output padding adds rows to a transposed convolution, and groups multiply its channels") {
  const ConvAttrs attrs{window(3, 2, 1), 4, {1, 0}};
  CHECK(shape_of_one(OpKind::conv_transpose, attrs, {{1, 64, 7, 7}, {64, 8, 3, 3}}) == Shape{1, 32, 14, 13});
  CHECK_THROWS_AS(shape_of_one(OpKind::conv_transpose, attrs, {{1, 60, 7, 7}, {64, 8, 3, 3}}), UserError);
}

TEST_CASE("a max pool of 3 with stride 2 and padding 1 halves 112 to 56") {
  CHECK(shape_of_one(OpKind::pool, PoolAttrs{PoolKind::max, window(3, 2, 1)}, {{1, 64, 112, 112}}) ==
        Shape{1, 64, 56, 56});
}

TEST_CASE("rounding up is stored as more padding at the end") {
  PoolAttrs attrs{PoolKind::max, window(3, 2)};
  CHECK(shape_of_one(OpKind::pool, attrs, {{1, 64, 112, 112}}) == Shape{1, 64, 55, 55});
  attrs.window.pad = {0, 0, 1, 1};
  CHECK(shape_of_one(OpKind::pool, attrs, {{1, 64, 112, 112}}) == Shape{1, 64, 56, 56});
}

TEST_CASE("a pool works on [N,C,L] and refuses a matrix") {
  PoolAttrs attrs{PoolKind::average, {{1, 4}, {1, 4}, {1, 1}, {}}};
  CHECK(shape_of_one(OpKind::pool, attrs, {{1, 8, 100}}) == Shape{1, 8, 25});
  CHECK_THROWS_AS(shape_of_one(OpKind::pool, attrs, {{8, 100}}), UserError);
}

}  // namespace npusim::ir
