// Files that TensorFlow's converter made, against what its interpreter computed
// (scripts/make_tflite_tests.py).
#include <fmt/format.h>

#include <algorithm>

#include "tests/catch.h"
#include "tests/tflite/judge.h"
#include "workloads/tflite/import.h"

namespace npusim::tflite::testing {

namespace {

std::string path_of(const std::string& name, const char* extension) {
  return fmt::format("{}/tests/data/tflite/{}.{}", NPUSIM_SOURCE_DIR, name, extension);
}

std::vector<Judgement> judged(const std::string& name, Operands operands) {
  return judge(path_of(name, "tflite"), path_of(name, "tensors"), operands);
}

}  // namespace

TEST_CASE("every tensor of a float network is the interpreter's, within 1e-5 of its peak") {
  for (const char* name : {"classifier_float", "classifier_fp16", "decoder_float", "views_float"}) {
    const auto list = judged(name, Operands::own);
    CHECK(list.size() >= 9);
    for (const Judgement& one : list) {
      INFO(name << ": " << one.tensor << ": " << one.most);
      CHECK_FALSE(one.quantized);
      CHECK(one.most < 1e-5);
    }
  }
}

TEST_CASE("int8 weights under float activations are the interpreter's but for its rounding of activations") {
  for (const Judgement& one : judged("classifier_weights_int8", Operands::own)) {
    INFO(one.tensor << ": " << one.most);
    CHECK_FALSE(one.quantized);
    CHECK(one.most < 1e-2);
  }
}

TEST_CASE("a float network computes the same after the passes") {
  for (const char* name : {"classifier_float", "classifier_fp16", "decoder_float", "views_float"}) {
    const auto list = judge_passed(path_of(name, "tflite"), path_of(name, "tensors"));
    REQUIRE(list.size() == 1);
    CHECK(list[0].most < 1e-5);
  }
}

TEST_CASE("every operator of an int8 network computes the interpreter's integers or their neighbours") {
  for (const char* name : {"classifier_int8", "classifier_float_io_int8", "decoder_int8", "views_int8"}) {
    const auto list = judged(name, Operands::interpreter);
    CHECK(list.size() >= 10);
    for (const Judgement& one : list) {
      INFO(fmt::format("{}: {} ({}): {:.1f} % differ, by {} at most", name, one.tensor, one.source_op,
                       100 * one.share, one.most));
      if (!one.quantized) continue;
      CHECK(one.most <= 1);
      // The interpreter's averages round halves away from integer 0, not from the real one; means of few
      // elements are often halves.
      CHECK(one.share <= (one.source_op == "MEAN" ? 0.4 : 0.1));
    }
  }
}

TEST_CASE("int8 networks end within 6 of the interpreter's integers") {
  for (const char* name : {"classifier_int8", "decoder_int8", "views_int8"}) {
    for (const auto& list :
         {judged(name, Operands::own), judge_passed(path_of(name, "tflite"), path_of(name, "tensors"))}) {
      const auto result = std::find_if(list.begin(), list.end(), [](const auto& one) { return one.result; });
      REQUIRE(result != list.end());
      INFO(name << ": " << result->most);
      CHECK(result->quantized);
      CHECK(result->most <= 6);
    }
  }
}

}  // namespace npusim::tflite::testing
