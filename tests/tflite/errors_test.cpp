// Bad files: every one ends in an error that names the file and says what was expected.
#include <memory>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/tflite/model.h"
#include "workloads/formats/formats.h"

namespace npusim::tflite::testing {

namespace {

/// conv, reshape, fully connected: a model that imports.
Model good() {
  Model m;
  const auto x = m.input({1, 8, 8, 3}), y = m.tensor({1, 4, 4, 2}), flat = m.tensor({1, 32}),
             z = m.tensor({1, 5});
  m.op(Code::CONV_2D, {x, m.weights({2, 3, 3, 3}), m.weights({2})}, {y}, conv_options(Padding::SAME, 2));
  m.op(Code::RESHAPE, {y, m.ints({1, 32})}, {flat});
  m.op(Code::FULLY_CONNECTED, {flat, m.weights({5, 32}), -1}, {z}, format::FullyConnectedOptionsT());
  m.output(z);
  return m;
}

/// A model of one operator of this code on one tensor.
Model one(Code code) {
  Model m;
  const auto x = m.input({1, 8}), y = m.tensor({1, 8});
  m.op(code, {x}, {y});
  m.output(y);
  return m;
}

/// Of formats::import_network.
std::string network_error(const std::string& path) {
  try {
    formats::import_network(path);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the good model imports") { CHECK(good().import().ops.size() == 4); }

TEST_CASE("every truncation of a model is refused with the file's name, none is read beyond its end") {
  const std::string bytes = good().bytes();
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 40) {
    const TemporaryFile file(bytes.substr(0, size));
    const std::string error = error_of(file.path());
    INFO(size << " of " << bytes.size() << ": " << error);
    CHECK(error.rfind(file.path(), 0) == 0);
  }
}

TEST_CASE("10 000 models with changed bytes are imported or refused, nothing else") {
  const std::string bytes = good().bytes();
  Rng rng(7);
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string damaged = bytes;
    const std::int64_t changes = rng.uniform(1, 4);
    for (std::int64_t k = 0; k < changes; ++k) {
      const auto at = static_cast<std::size_t>(rng.uniform(8, static_cast<std::int64_t>(bytes.size()) - 1));
      damaged[at] = static_cast<char>(rng.uniform(0, 255));
    }
    const TemporaryFile file(damaged);
    try {
      ir::verify(import_tflite(file.path()));
    } catch (const UserError&) {
      ++refused;
    }
  }
  CHECK(refused > 1'000);
}

TEST_CASE("a file of another kind is none, an empty one and a missing one neither") {
  const TemporaryFile text("this is no model, but long enough");
  CHECK(contains(error_of(text.path()), {text.path(), "not a TFLite model", "TFL3 at byte 4"}));
  const TemporaryFile empty("");
  CHECK(contains(error_of(empty.path()), {"the file is empty", "expected a TFLite model"}));
  CHECK(contains(error_of(text.path() + "x.tflite"), {"cannot open"}));
  CHECK(contains(error_of("/tmp"), {"not a regular file"}));
}

TEST_CASE("content decides the format, then the name") {
  const std::string bytes = good().bytes();
  const TemporaryFile misnamed(bytes, ".onnx");
  CHECK(formats::import_network(misnamed.path()).ops.size() == 4);
  const TemporaryFile text("this is no model, but long enough");
  CHECK(contains(network_error(text.path()), {"not a TFLite model"}));
  const TemporaryFile other("this is no model, but long enough", ".onnx");
  CHECK(contains(network_error(other.path()), {other.path(), "ONNX"}));
}

TEST_CASE("another version of the format is refused") {
  Model m = good();
  m.model.version = 2;
  CHECK(contains(m.error(), {"version 2; expected 3"}));
}

TEST_CASE("indices beyond tensors, buffers and operator codes are refused with their bounds") {
  Model m = good();
  m.graph().operators[0]->inputs[1] = 77;
  CHECK(contains(m.error(), {"operator 0 (CONV_2D)", "tensor 77", "expected 0 to"}));
  m = good();
  m.graph().operators[2]->outputs[0] = -1;
  CHECK(contains(m.error(), {"operator 2 (FULLY_CONNECTED)", "tensor -1"}));
  m = good();
  m.graph().outputs[0] = 1000;
  CHECK(contains(m.error(), {"an output of the network", "tensor 1000"}));
  m = good();
  m.at(4).buffer = 99;
  CHECK(contains(m.error(), {"refers to buffer 99", "the model's"}));
  m = good();
  m.graph().operators[1]->opcode_index = 9;
  CHECK(contains(m.error(), {"operator code 9", "expected less than 3"}));
}

TEST_CASE("a negative, an implausible and a wrong dimension are refused with the tensor's name") {
  Model m = good();
  m.at(0).shape[1] = -8;
  CHECK(contains(m.error(), {"tensor 0 ('t0')", "a dimension is -8"}));
  m = good();
  m.at(0).shape = {2'000'000'000, 2'000'000'000, 2'000'000'000, 3};
  CHECK(contains(m.error(), {"tensor 0 ('t0')", "not plausible"}));
  m = good();
  m.at(1).shape = {1, 5, 4, 2};
  CHECK(contains(m.error(), {"operator 0 (CONV_2D)", "makes 1x4x4x2", "'t1' is 1x5x4x2"}));
  m = good();
  m.at(0).shape[3] = 4;
  CHECK(contains(m.error(), {"operator 0 (CONV_2D)", "has 4; expected a multiple"}));
}

TEST_CASE("a constant with too few bytes is refused") {
  Model m = good();
  m.model.buffers[3]->data.resize(7);  // the target shape of the reshape
  CHECK(contains(m.error(), {"2 of type INT32 needs 8 bytes, but its buffer has 7"}));
}

TEST_CASE("scales that fit no dimension, zero scales and quantisation by blocks are refused") {
  const auto with = [](const Scales& scales) {
    Model m;
    const auto x = m.input({1, 8}, Type::INT8, scales), y = m.tensor({1, 8}, Type::INT8, {{1.0F}, {0}});
    m.op(Code::QUANTIZE, {x}, {y});
    m.output(y);
    return m;
  };
  CHECK(contains(with({{1.0F, 2.0F}, {0, 0}, 1}).error(), {"'t0'", "2 scales along axis 1 of 1x8"}));
  CHECK(contains(with({{1.0F, 2.0F}, {0, 0}, 5}).error(), {"2 scales along axis 5"}));
  CHECK(contains(with({{0.0F}, {0}}).error(), {"a scale is 0"}));
  Model m = with({{1.0F}, {0}});
  m.at(0).quantization->details_type = 2;
  CHECK(contains(m.error(), {"'t0'", "by blocks"}));
  CHECK(contains(with({std::vector<float>(8, 1.0F), std::vector<std::int64_t>(8, 0), 1}).error(),
                 {"by channel"}));
}

TEST_CASE("all unsupported operators are listed at once, with the nearest known one") {
  Model m;
  const auto x = m.input({1, 8}), y = m.tensor({1, 8}), z = m.tensor({1, 8}), u = m.tensor({1, 8});
  m.op(Code::COS, {x}, {y});
  m.op(Code::RELU, {y}, {z});
  m.op(Code::REDUCE_MIN, {z, m.ints({1})}, {u});
  m.output(u);
  CHECK(contains(m.error(), {"2 unsupported operators in subgraph 0 ('main')", "operator 0 (COS)",
                             "operator 2 (REDUCE_MIN)", "did you mean 'REDUCE_MAX'"}));
}

TEST_CASE("an operator code from the future is named by its number") {
  CHECK(contains(one(static_cast<Code>(4000)).error(), {"operator 0 (operator code 4000)", "does not know"}));
}

TEST_CASE("custom operators and compiled models say what to do instead") {
  Model m;
  const auto x = m.input({1, 8}), y = m.tensor({1, 8});
  m.custom_op("TFLite_Detection_PostProcess", {x}, {y});
  m.output(y);
  CHECK(contains(m.error(), {"operator 0 (TFLite_Detection_PostProcess)", "custom operator",
                             "export the model without"}));
  Model compiled;
  const auto in = compiled.input({1, 8}), out = compiled.tensor({1, 8});
  compiled.custom_op("edgetpu-custom-op", {in}, {out});
  compiled.output(out);
  CHECK(contains(compiled.error(), {"already compiled for the Edge TPU", "without '_edgetpu' in its name"}));
}

TEST_CASE("control flow is refused, a second subgraph that nothing calls is not") {
  CHECK(contains(one(Code::WHILE).error(), {"operator 0 (WHILE)", "control flow"}));
  CHECK(contains(one(Code::CALL_ONCE).error(), {"control flow"}));
  Model m = good();
  m.model.subgraphs.push_back(std::make_unique<format::SubGraphT>());
  CHECK(m.import().ops.size() == 4);
}

TEST_CASE("an open dimension has the file's stand-in, or what the user gives") {
  Model m;
  const auto x = m.input({1, 1, 8}), y = m.tensor({1, 1, 8});
  m.at(x).shape_signature = {-1, -1, 8};
  m.op(Code::RELU, {x}, {y});
  m.output(y);
  CHECK(m.import().shape(0) == ir::Shape{1, 1, 8});
  ImportOptions options;
  options.dims = {{"t0.1", 128}};
  options.batch = 2;
  CHECK(m.import(options).shape(1) == ir::Shape{2, 128, 8});
  options.dims = {{"t0.2", 128}};
  CHECK(
      contains(m.error(options), {"--dim t0.2=128", "no open dimension of this name", "did you mean 't0."}));
  m.at(x).shape[1] = 0;
  CHECK(contains(m.error(), {"input 't0': dimension 1 has no value", "--dim t0.1=VALUE"}));
}

TEST_CASE("a tensor that nobody makes, and one that two operators make, are refused") {
  Model m;
  const auto x = m.input({1, 8}), lost = m.tensor({1, 8}), y = m.tensor({1, 8});
  m.op(Code::ADD, {x, lost}, {y});
  m.output(y);
  CHECK(contains(m.error(), {"operator 0 (ADD)", "tensor 1 ('t1')", "no operator before it makes"}));
  Model twice;
  const auto in = twice.input({1, 8}), out = twice.tensor({1, 8});
  twice.op(Code::RELU, {in}, {out});
  twice.op(Code::TANH, {in}, {out});
  twice.output(out);
  CHECK(contains(twice.error(), {"operator 1 (TANH)", "another's result"}));
  Model none;
  none.input({1, 8});
  CHECK(contains(none.error(), {"the network has no outputs"}));
}

TEST_CASE("missing options and missing inputs are refused") {
  CHECK(contains(one(Code::MAX_POOL_2D).error(), {"operator 0 (MAX_POOL_2D)", "options are missing"}));
  CHECK(contains(one(Code::ADD).error(), {"has 1 inputs, expected 2"}));
}

}  // namespace npusim::tflite::testing
