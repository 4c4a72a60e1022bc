// Whatever a user gets wrong: exit code 1, one message that names the place and what was expected.
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

namespace {

/// The user's fault: exit code 1, nothing on standard output, an error that contains every one of `parts`.
void check_refused(const std::vector<std::string>& arguments, const std::vector<std::string>& parts) {
  const Outcome outcome = run_npusim(arguments);
  INFO("standard error: " << outcome.err);
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.rfind("npusim: error: ", 0) == 0);
  for (const auto& part : parts) {
    INFO("expected: " << part);
    CHECK(contains(outcome.err, part));
  }
}

}  // namespace

TEST_CASE("a file that is no ONNX model is named and refused") {
  const TempFolder folder;
  write_file(folder / "text.onnx", "This is a shopping list, not a network.\n");
  check_refused({"run", "--hw", "ascend310", folder / "text.onnx"}, {folder / "text.onnx", "ONNX"});
  write_file(folder / "empty.onnx", "");
  check_refused({"run", "--hw", "ascend310", folder / "empty.onnx"}, {folder / "empty.onnx"});
}

TEST_CASE("a truncated ONNX file is refused at whatever byte it ends") {
  const TempFolder folder;
  const std::string whole = folder / "whole.onnx";
  REQUIRE(run_npusim({"nets", "export", "squeezenet1_1", whole}).exit_code == 0);
  const std::string bytes = read_file(whole);
  REQUIRE(bytes.size() > 1000);
  const std::string cut = folder / "cut.onnx";
  for (const std::size_t size : {std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
    write_file(cut, bytes.substr(0, size));
    check_refused({"run", "--hw", "ascend310", cut}, {cut});
  }
}

TEST_CASE("a symbolic dimension without a value is named, with the option that gives one") {
  const TempFolder folder;
  const std::string model = folder / "dynamic.onnx";
  write_file(model,
             onnx_model({{1, ""}, {8, ""}, {0, "height"}, {16, ""}}, {{"Relu", "relu_1", {"x"}, {"y"}}}));
  check_refused({"run", "--hw", "ascend310", model}, {model, "height", "--dim height="});
  CHECK(run_npusim({"run", "--hw", "ascend310", model, "--dim", "height=16"}).exit_code == 0);
}

TEST_CASE("unsupported operators are listed all at once, by name and operator") {
  const TempFolder folder;
  const std::string model = folder / "strange.onnx";
  write_file(model,
             onnx_model({{1, ""}, {8, ""}, {16, ""}, {16, ""}}, {{"NonZero", "first_one", {"x"}, {"a"}},
                                                                 {"Relu", "fine", {"x"}, {"b"}},
                                                                 {"Bernoulli", "second_one", {"b"}, {"y"}}}));
  check_refused({"run", "--hw", "ascend310", model}, {"first_one", "NonZero", "second_one", "Bernoulli"});
}

TEST_CASE("an unknown chip is refused with the nearest one") {
  check_refused({"run", "--hw", "ascend31O", "resnet18"}, {"ascend31O", "did you mean 'ascend310'?"});
  check_refused({"hw", "show", "asend310"}, {"asend310", "did you mean 'ascend310'?"});
  check_refused({"run", "resnet18"}, {"--hw is missing", "ascend310"});
}

TEST_CASE("an unknown network is refused with the nearest one, and it says that no such file exists either") {
  check_refused({"run", "--hw", "ascend310", "resnet5O"},
                {"resnet5O", "neither a file nor a built-in network", "did you mean 'resnet50'?"});
  check_refused({"run", "--hw", "ascend310", "nowhere/resnet50.onnx"},
                {"nowhere/resnet50.onnx", "'resnet50'"});
  check_refused({"nets", "export", "alexent", "/tmp/out.onnx"}, {"alexent", "did you mean 'alexnet'?"});
}

TEST_CASE("an unknown key is refused with the nearest one") {
  check_refused({"run", "--hw", "ascend310", "--set", "dram.chanels=2", "resnet18"},
                {"dram.chanels", "did you mean 'dram.channels'?"});
  check_refused({"run", "--hw", "ascend310", "--set", "dram.channels", "resnet18"}, {"key=value"});
  const TempFolder folder;
  write_file(folder / "mine.yaml", "extends: ascend310\ncube:\n  m: 32\n  columns: 8\n");
  check_refused({"hw", "check", folder / "mine.yaml"}, {folder / "mine.yaml:4", "cube.columns"});
}

TEST_CASE("a value out of range is refused with the range and where it was given") {
  check_refused({"run", "--hw", "ascend310", "--set", "clock_mhz=-5", "resnet18"},
                {"clock_mhz", "-5", "expected"});
  const TempFolder folder;
  write_file(folder / "mine.yaml", "extends: ascend310\n\ncores: many\n");
  check_refused({"run", "--hw", folder / "mine.yaml", "resnet18"}, {folder / "mine.yaml:3", "cores", "many"});
}

TEST_CASE("a buffer too small for any tiling: which layer, which buffer, how many bytes short") {
  const Outcome outcome = run_npusim({"run", "--hw", "ascend310", "--set", "buffers.l1_kib=1", "resnet18"});
  INFO("standard error: " << outcome.err);
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.err, "npusim: error: "));
  CHECK(contains(outcome.err, "byte"));
  CHECK(contains(outcome.err, "short"));
}

TEST_CASE("an output folder that does not exist is refused before anything is simulated") {
  const TempFolder folder;
  const std::string missing = folder / "no/such/report.json";
  for (const std::string option : {"-o", "--output", "--trace"}) {
    check_refused({"run", "--hw", "ascend310", "resnet18", option, missing},
                  {missing, "the folder '" + (folder / "no/such") + "' does not exist"});
  }
  check_refused({"nets", "export", "resnet18", missing}, {missing, "does not exist"});
  check_refused({"compile", "--hw", "ascend310", "resnet18", "-o", missing}, {missing, "does not exist"});
  check_refused({"run", "--hw", "ascend310", "resnet18", "-o", folder / "."}, {"is a folder"});
}

TEST_CASE("a wrong word on the command line is refused with the nearest one") {
  check_refused({"rnu", "--hw", "ascend310", "resnet18"}, {"rnu", "did you mean 'run'?"});
  check_refused({"nets", "lits"}, {"lits", "did you mean 'list'?"});
  check_refused({"run", "--hw", "ascend310", "--bacth", "4", "resnet18"},
                {"--bacth", "did you mean '--batch'?"});
  check_refused({"run", "--hw", "ascend310", "--format", "jsno", "resnet18"},
                {"--format", "jsno", "text, json, csv", "did you mean 'json'?"});
  check_refused({"run", "--hw", "ascend310", "--kernel", "ticking", "resnet18"},
                {"--kernel", "run-ahead, systemc"});
  check_refused({"run", "--hw", "ascend310", "--dtype", "int4", "resnet18"},
                {"--dtype", "int4", "fp16", "int8"});
  check_refused({"run", "--hw", "ascend310", "--batch", "0", "resnet18"}, {"--batch"});
  check_refused({"run", "--hw", "ascend310", "--batch", "many", "resnet18"}, {"--batch", "many"});
  check_refused({"run", "--hw", "ascend310", "--dim", "n", "resnet18"}, {"--dim"});
  check_refused({"run", "--hw", "ascend310"}, {"network"});
  check_refused({"nets"}, {"list", "export"});
}

TEST_CASE(
    "a floating-point file on the Edge TPU is refused with an offer: --assume-int8, which then runs it") {
  const TempFolder folder;
  const std::string file = folder / "float.onnx";
  REQUIRE(run_npusim({"nets", "export", "squeezenet1_1", file}).exit_code == 0);
  check_refused({"run", "--hw", "edgetpu-coral-usb", file}, {file, "int8 only", "--assume-int8"});
  CHECK(run_npusim({"run", "--hw", "edgetpu-coral-usb", "--assume-int8", file}).exit_code == 0);
  CHECK(run_npusim({"run", "--hw", "edgetpu-coral-usb", "squeezenet1_1"}).exit_code == 0);
}

TEST_CASE("the Edge TPU refuses batches; parameters beyond its cache are no error, but said") {
  check_refused({"run", "--hw", "edgetpu-coral-usb", "--batch", "2", "mobilenet_v1_0_25_128"},
                {"batches of 1 only", "--batch 1"});
  const Outcome vgg = run_npusim({"run", "--hw", "edgetpu-coral-usb", "vgg16"});
  CHECK(vgg.exit_code == 0);
  CHECK(contains(vgg.out, "streamed"));
}
