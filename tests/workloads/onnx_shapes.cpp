// Operators that move, join and resize tensors, and arithmetic on shapes, from small models.
#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"
#include "workloads/passes/passes.h"

namespace npusim::onnx::testing {

using ir::OpKind;
using ir::Shape;

namespace {

const Arg kX = in({2, 3, 4, 5});

}  // namespace

TEST_CASE("Reshape copies a dimension at 0 and fills what remains at -1") {
  CHECK(shape_of(13, "Reshape", {kX, values(Ints{0, -1})}) == Shape{2, 60});
  CHECK(shape_of(7, "Reshape", {kX, values(Ints{-1, 4, 5})}) == Shape{6, 4, 5});
  CHECK(shape_of(13, "Reshape", {kX, values(Ints{6, 20})}) == Shape{6, 20});
  CHECK(shape_of(14, "Reshape", {weight({0, 3}), values(Ints{3, 0})}, {{"allowzero", 1}}) == Shape{3, 0});
  CHECK(only(one(13, "Reshape", {kX, values(Ints{-1})})).kind == OpKind::reshape);
}

TEST_CASE("Flatten, Squeeze and Unsqueeze are reshapes, with axes as attribute or input") {
  CHECK(shape_of(13, "Flatten", {kX}) == Shape{2, 60});
  CHECK(shape_of(13, "Flatten", {kX}, {{"axis", -1}}) == Shape{24, 5});
  CHECK(shape_of(9, "Flatten", {kX}, {{"axis", 0}}) == Shape{1, 120});
  CHECK(shape_of(13, "Flatten", {kX}, {{"axis", 4}}) == Shape{120, 1});
  CHECK(shape_of(11, "Squeeze", {in({1, 3, 1, 5})}, {{"axes", Ints{0, -2}}}) == Shape{3, 5});
  CHECK(shape_of(13, "Squeeze", {in({1, 3, 1, 5}), values(Ints{2})}) == Shape{1, 3, 5});
  CHECK(shape_of(13, "Squeeze", {in({1, 3, 1, 5})}) == Shape{3, 5});
  CHECK(shape_of(11, "Unsqueeze", {in({3, 5})}, {{"axes", Ints{0, 3}}}) == Shape{1, 3, 5, 1});
  CHECK(shape_of(21, "Unsqueeze", {in({3, 5}), values(Ints{-1})}) == Shape{3, 5, 1});
}

TEST_CASE("Transpose permutes, by default it reverses") {
  CHECK(shape_of(13, "Transpose", {kX}, {{"perm", Ints{0, 2, 3, 1}}}) == Shape{2, 4, 5, 3});
  CHECK(shape_of(7, "Transpose", {kX}) == Shape{5, 4, 3, 2});
}

TEST_CASE("Concat joins, Split divides evenly, by sizes, or in opset 18 unevenly") {
  CHECK(shape_of(13, "Concat", {kX, in({2, 7, 4, 5})}, {{"axis", -3}}) == Shape{2, 10, 4, 5});
  const auto parts = [](const ir::Graph& graph, std::size_t axis) {
    Ints sizes;
    for (const ir::TensorId id : graph.outputs) sizes.push_back(graph.shape(id)[axis]);
    return sizes;
  };
  CHECK(parts(one(11, "Split", {kX}, {{"axis", 2}}, 2), 2) == Ints{2, 2});
  CHECK(parts(one(11, "Split", {kX}, {{"axis", 3}, {"split", Ints{1, 4}}}, 2), 3) == Ints{1, 4});
  CHECK(parts(one(13, "Split", {kX, values(Ints{1, 2})}, {{"axis", 1}}, 2), 1) == Ints{1, 2});
  CHECK(parts(one(18, "Split", {kX}, {{"axis", -1}, {"num_outputs", 3}}, 3), 3) == Ints{2, 2, 1});
}

TEST_CASE("Slice clamps like numpy, with negative indices and steps") {
  const auto slice = [](const Ints& starts, const Ints& ends, const Ints& axes, const Ints& steps) {
    return one(13, "Slice", {in({10, 8}), values(starts), values(ends), values(axes), values(steps)});
  };
  const ir::Graph middle = slice({2}, {-1}, {0}, {3});
  CHECK(middle.shape(middle.outputs[0]) == Shape{3, 8});
  CHECK(attrs<ir::SliceAttrs>(only(middle)).starts == Ints{2, 0});
  CHECK(attrs<ir::SliceAttrs>(only(middle)).steps == Ints{3, 1});
  const ir::Graph backwards = slice({-1, -1}, {INT64_MIN, INT64_MIN}, {0, 1}, {-1, -2});
  CHECK(backwards.shape(backwards.outputs[0]) == Shape{10, 4});
  CHECK(attrs<ir::SliceAttrs>(only(backwards)).starts == Ints{9, 7});
  const ir::Graph all = slice({0}, {INT64_MAX}, {1}, {1});
  CHECK(all.shape(all.outputs[0]) == Shape{10, 8});
  const ir::Graph none = slice({5}, {3}, {0}, {1});
  CHECK(none.shape(none.outputs[0]) == Shape{0, 8});
  CHECK(shape_of(9, "Slice", {in({10, 8})}, {{"starts", Ints{1}}, {"ends", Ints{1000}}, {"axes", Ints{1}}}) ==
        Shape{10, 7});
  CHECK(shape_of(9, "Slice", {in({10, 8})}, {{"starts", Ints{1, 2}}, {"ends", Ints{3, 4}}}) == Shape{2, 2});
}

TEST_CASE("Gather replaces an axis by its indices' shape") {
  CHECK(shape_of(13, "Gather", {weight({30522, 768}), in({1, 128}, Type::INT64)}) == Shape{1, 128, 768});
  CHECK(shape_of(13, "Gather", {kX, values(Ints{0})}, {{"axis", 1}}) == Shape{2, 1, 4, 5});
}

TEST_CASE("Pad takes amounts as attribute or input; only a value other than zero is an operand") {
  const ir::Graph attribute = one(9, "Pad", {kX}, {{"pads", Ints{0, 0, 1, 2, 0, 0, 3, 4}}});
  CHECK(attribute.shape(attribute.outputs[0]) == Shape{2, 3, 8, 11});
  CHECK(attrs<ir::PadAttrs>(only(attribute)).before == Ints{0, 0, 1, 2});
  CHECK(only(attribute).inputs.size() == 1);
  const ir::Graph input =
      one(13, "Pad", {kX, values(Ints{0, 0, 1, 1, 0, 0, 1, 1}), scalar(-1)}, {{"mode", "constant"}});
  CHECK(only(input).inputs.size() == 3);
  CHECK(input.tensor(only(input).inputs[2]).constant == std::vector<double>{-1});
  CHECK(shape_of(18, "Pad", {kX, values(Ints{1, -2}), scalar(0), values(Ints{-1})}) == Shape{2, 3, 4, 4});
  CHECK(attrs<ir::PadAttrs>(
            only(one(13, "Pad", {kX, values(Ints{0, 0, 1, 1, 0, 0, 1, 1})}, {{"mode", "reflect"}})))
            .mode == ir::PadAttrs::Mode::reflect);
}

TEST_CASE("Resize goes by scales or sizes in opsets 10 to 19, Upsample in 7 to 9") {
  const Arg roi = values(Floats{}), none = values(Floats{});
  CHECK(shape_of(11, "Resize", {kX, roi, values(Floats{1, 1, 2, 2})}) == Shape{2, 3, 8, 10});
  CHECK(shape_of(13, "Resize", {kX, absent(), absent(), values(Ints{2, 3, 7, 9})}, {{"mode", "linear"}}) ==
        Shape{2, 3, 7, 9});
  CHECK(shape_of(11, "Resize", {kX, roi, none, values(Ints{2, 3, 6, 6})}, {{"mode", "cubic"}}) ==
        Shape{2, 3, 6, 6});
  CHECK(shape_of(10, "Resize", {kX, values(Floats{1, 1, 0.5F, 1.5F})}) == Shape{2, 3, 2, 7});
  CHECK(shape_of(19, "Resize", {kX, absent(), values(Floats{2, 3})}, {{"axes", Ints{2, 3}}}) ==
        Shape{2, 3, 8, 15});
  CHECK(shape_of(18, "Resize", {kX, absent(), absent(), values(Ints{8, 20})},
                 {{"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", "not_larger"}}) == Shape{2, 3, 8, 10});
  CHECK(shape_of(18, "Resize", {kX, absent(), absent(), values(Ints{8, 20})},
                 {{"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", "not_smaller"}}) == Shape{2, 3, 16, 20});
  CHECK(shape_of(7, "Upsample", {kX}, {{"scales", Floats{1, 1, 2, 3}}}) == Shape{2, 3, 8, 15});
  CHECK(shape_of(9, "Upsample", {kX, values(Floats{1, 1, 2, 2})}, {{"mode", "linear"}}) ==
        Shape{2, 3, 8, 10});
}

TEST_CASE("DepthToSpace and SpaceToDepth trade channels for pixels") {
  const ir::Graph up = one(13, "DepthToSpace", {in({1, 16, 4, 6})}, {{"blocksize", 2}, {"mode", "CRD"}});
  CHECK(up.shape(up.outputs[0]) == Shape{1, 4, 8, 12});
  CHECK(attrs<ir::BlockAttrs>(only(up)).column_row_depth);
  CHECK(shape_of(13, "SpaceToDepth", {in({1, 4, 8, 12})}, {{"blocksize", 4}}) == Shape{1, 64, 2, 3});
}

TEST_CASE("Expand, Tile and Cast") {
  CHECK(shape_of(13, "Expand", {in({3, 1}), values(Ints{2, 1, 6})}) == Shape{2, 3, 6});
  CHECK(shape_of(8, "Expand", {in({3, 1}), values(Ints{1, 1})}) == Shape{3, 1});
  CHECK(shape_of(13, "Tile", {in({3, 2}), values(Ints{2, 4})}) == Shape{6, 8});
  const ir::Graph cast = one(13, "Cast", {kX}, {{"to", Type::FLOAT16}});
  CHECK(cast.tensor(cast.outputs[0]).dtype == ir::DType::f16);
  const ir::Graph like = one(15, "CastLike", {kX, in({1}, Type::INT8)});
  CHECK(like.tensor(like.outputs[0]).dtype == ir::DType::i8);
}

TEST_CASE("Identity and Dropout pass their input on, whatever else Dropout has") {
  CHECK(only(one(13, "Identity", {kX})).kind == OpKind::identity);
  CHECK(only(one(13, "Dropout", {kX, scalar(0.5F)})).kind == OpKind::identity);
  CHECK(only(one(7, "Dropout", {kX}, {{"ratio", 0.5}})).kind == OpKind::identity);
}

TEST_CASE("shape arithmetic as exporters write it is evaluated, and vanishes in the passes") {
  // x.view(x.size(0), -1, x.size(3) * 2 // 2)
  Model model(13);
  model.symbolic_input("x", {"batch", "3", "4", "5"}).output("y");
  model.node("Shape", {"x"}, {"shape"});
  model.constant("zero", tensor_of(Ints{0}, {})).constant("three", tensor_of(Ints{3}, {}));
  model.node("Gather", {"shape", "zero"}, {"batch"}).node("Gather", {"shape", "three"}, {"width"});
  model.constant("two", tensor_of(Ints{2}, {}));
  model.node("Mul", {"width", "two"}, {"double"}).node("Div", {"double", "two"}, {"half"});
  model.ints("axes", {0}).ints("rest", {-1});
  model.node("Unsqueeze", {"batch", "axes"}, {"b"}).node("Unsqueeze", {"half", "axes"}, {"w"});
  model.node("Concat", {"b", "rest", "w"}, {"target"}, {{"axis", 0}});
  model.node("Reshape", {"x", "target"}, {"y"});
  ImportOptions options;
  options.batch = 7;
  ir::Graph graph = model.import(options);
  CHECK(graph.ops.size() == 9);
  CHECK(graph.shape(graph.outputs[0]) == Shape{7, 12, 5});
  const passes::PassStats stats = passes::run(graph);
  CHECK(only(graph).kind == OpKind::reshape);
  CHECK(stats.imported == 9);
  CHECK(stats.folded == 8);
  CHECK(stats.fused == 0);
}

TEST_CASE("Shape of some axes, Size, Range, ConstantOfShape and comparisons resolve to constants") {
  Model model(15);
  model.input("x", {2, 3, 4, 5}).output("y").output("z");
  model.node("Shape", {"x"}, {"hw"}, {{"start", 2}, {"end", 4}});
  model.node("Size", {"x"}, {"size"});
  model.constant("one", tensor_of(Ints{1}, {})).constant("four", tensor_of(Ints{4}, {}));
  model.node("Range", {"one", "four", "one"}, {"range"});  // 1 2 3
  model.node("ConstantOfShape", {"hw"}, {"filled"}, {{"value", tensor_of(Ints{1}, {1})}});
  model.node("Constant", {}, {"list"}, {{"value_ints", Ints{2, 1, 3}}});
  model.node("Equal", {"range", "list"}, {"equal"});           // no no yes
  model.node("Where", {"equal", "list", "range"}, {"sizes"});  // 1 2 3
  model.node("Expand", {"one", "sizes"}, {"y"});
  model.node("Reshape", {"x", "size1"}, {"z"});
  model.ints("axis", {0}).node("Unsqueeze", {"size", "axis"}, {"size1"});
  const ir::Graph graph = model.import();
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 2, 3});
  CHECK(graph.shape(graph.outputs[1]) == Shape{120});
  for (const ir::Tensor& tensor : graph.tensors) {
    if (tensor.name == "filled") CHECK(tensor.constant == std::vector<double>(20, 1));
    if (tensor.name == "range") CHECK(tensor.constant == std::vector<double>{1, 2, 3});
  }
}

TEST_CASE("Mod, Ceil and masks are computed from constants, and refused on activations") {
  Model model(14);
  model.input("x", {1, 10}).output("y").ints("size", {10}).ints("window", {7}).ints("zero", {0});
  model.node("Mod", {"size", "window"}, {"rest"}).node("Sub", {"window", "rest"}, {"pad"});  // 3, then 4
  model.node("Concat", {"zero", "zero", "zero", "pad"}, {"pads"}, {{"axis", 0}})
      .node("Pad", {"x", "pads"}, {"p"});
  model.weight("mask", {14, 14}).weight("indices", {3, 1}, Type::INT64).weight("updates", {3, 14});
  model.node("ScatterND", {"mask", "indices", "updates"}, {"m"}).node("MatMul", {"p", "m"}, {"y"});
  const ir::Graph graph = model.import();
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 14});
  CHECK(graph.tensor(graph.ops.back().inputs[1]).role == ir::TensorRole::weight);
  const auto value = [](const std::string& op, const Floats& x, const Floats& y,
                        const std::vector<Attr>& attrs) {
    const ir::Graph g =
        y.empty() ? one(13, op, {values(x)}, attrs) : one(13, op, {values(x), values(y)}, attrs);
    return g.tensor(g.outputs[0]).constant.value();
  };
  CHECK(value("Mod", {-7, 7}, {3, -3}, {}) == std::vector<double>{2, -2});
  CHECK(value("Mod", {-7, 7}, {3}, {{"fmod", 1}}) == std::vector<double>{-1, 1});
  CHECK(value("Ceil", {1.25F, -1.5F}, {}, {}) == std::vector<double>{2, -1});
  CHECK(contains(one_node(13, "Mod", {in({4}), values(Floats{3})}).error(),
                 {"unsupported", "(Mod)", "constants"}));
}

TEST_CASE("constants of every element type keep their values") {
  const auto check = [](const Type& value, const std::vector<double>& expected) {
    Model model(13);
    model.node("Constant", {}, {"c"}, {{"value", value}}).node("Identity", {"c"}, {"y"}).output("y");
    const ir::Graph graph = model.import();
    INFO("type " << value.data_type());
    CHECK(graph.tensor(graph.outputs[0]).constant == expected);
  };
  const auto raw = [](std::int32_t type, const std::string& bytes, std::int64_t count) {
    Type tensor;
    tensor.set_data_type(type);
    tensor.add_dims(count);
    tensor.set_raw_data(bytes);
    return tensor;
  };
  using namespace std::string_literals;
  check(tensor_of(Ints{1, -2}, {2}), {1, -2});
  check(tensor_of(Ints{1, -2}, {2}, Type::INT32), {1, -2});
  check(tensor_of(Ints{0x3C00, 0xC000}, {2}, Type::FLOAT16), {1, -2});
  check(tensor_of(Floats{1.5F, -2}, {2}), {1.5, -2});
  check(raw(Type::INT64, "\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"s, 2), {1, -1});
  check(raw(Type::INT32, "\1\0\0\0\xfe\xff\xff\xff"s, 2), {1, -2});
  check(raw(Type::INT16, "\1\0\xfe\xff"s, 2), {1, -2});
  check(raw(Type::UINT16, "\1\0\xfe\xff"s, 2), {1, 65534});
  check(raw(Type::INT8, "\1\xfe"s, 2), {1, -2});
  check(raw(Type::UINT8, "\1\xfe"s, 2), {1, 254});
  check(raw(Type::BOOL, "\1\0"s, 2), {1, 0});
  check(raw(Type::FLOAT, "\0\0\xc0\x3f"s, 1), {1.5});
  check(raw(Type::DOUBLE, "\0\0\0\0\0\0\xf8\x3f"s, 1), {1.5});
  check(raw(Type::FLOAT16, "\0\x3c\1\0"s, 2), {1, 5.9604644775390625e-08});
  check(raw(Type::BFLOAT16, "\x80\x3f"s, 1), {1});
}

}  // namespace npusim::onnx::testing
