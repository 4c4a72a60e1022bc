// Errors and suggestions.
#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;

TEST_CASE("ensure throws InternalError with its text when the condition fails, and only then") {
  ensure(true, "fine");
  std::string message;
  try {
    ensure(false, "a broken promise");
  } catch (const InternalError& error) {
    message = error.what();
  }
  CHECK(message == "a broken promise");
}

TEST_CASE("the nearest name is the one with the fewest edits") {
  const std::vector<std::string> names{"resnet50", "resnet18", "mobilenet_v2", "vgg16"};
  CHECK(nearest_name("resnet51", names) == "resnet50");
  CHECK(nearest_name("resnet5", names) == "resnet50");
  CHECK(nearest_name("mobilenetv2", names) == "mobilenet_v2");
  CHECK(nearest_name("gvg16", names) == "vgg16");
  CHECK(nearest_name("vgg16", names) == "vgg16");
}

TEST_CASE("among equally near names the first is suggested") {
  CHECK(nearest_name("ab", {"ac", "ad"}) == "ac");
}

TEST_CASE("a name that resembles none has no suggestion") {
  const std::vector<std::string> names{"resnet50", "vgg16"};
  CHECK(nearest_name("transformer", names).empty());
  CHECK(suggestion("transformer", names).empty());
  CHECK(suggestion("x", {}).empty());
}

TEST_CASE("a suggestion is a clause for the end of a message") {
  CHECK(suggestion("vgg17", {"resnet50", "vgg16"}) == "; did you mean 'vgg16'?");
}
