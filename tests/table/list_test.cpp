// Lists of blocks: what they may say, and what is said about mistakes.
#include "nas/table/block_list.h"
#include "nas/table/form.h"
#include "nas/table/kernels.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using test::contains;

namespace {

std::vector<space::Block> read(const std::string& yaml) {
  const test::TempFolder folder;
  test::write_file(folder / "list.yaml", yaml);
  return table::read_blocks(folder / "list.yaml");
}

std::string complaint(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

table::Form form(const std::string& name) {
  return table::form_of(table::network_of(table::block_named(name), 1));
}

}  // namespace

TEST_CASE("a list names blocks as strings, as strings with sizes, and by their fields") {
  const auto blocks = read(
      "blocks:\n"
      "  - block:r1_k3_s11_e6_i32_o32_c0@56\n"
      "  - MBConvBlock/r1_k3_s11_e6_i32_o32_c0_imgsize28\n"
      "  - {block: r1_k3_s11_e6_i32_o32_c0, size: [14, 7]}\n"
      "  - {kind: mbconv, kernel: [3, 5], expansion: [3, 6], stride: 2, in: 24, out: 40, size: 56}\n"
      "  - {kind: dense, in: 1280, out: 1000}\n");
  REQUIRE(blocks.size() == 9);
  CHECK(blocks[0].name == "block:r1_k3_s11_e6_i32_o32_c0@56");
  CHECK(blocks[1].name == "block:MBConvBlock/r1_k3_s11_e6_i32_o32_c0_imgsize28");
  CHECK(blocks[3].input == ir::Shape{1, 32, 7, 7});
  CHECK(blocks[4].name == "block:r1_k3_s22_e3_i24_o40_c0@56");
  CHECK(blocks[5].name == "block:r1_k3_s22_e6_i24_o40_c0@56");
  CHECK(blocks[6].name == "block:r1_k5_s22_e3_i24_o40_c0@56");
  CHECK(blocks[7].output == ir::Shape{1, 40, 28, 28});
  CHECK(blocks[8].output == ir::Shape{1, 1000});
}

TEST_CASE("every block of a list runs under its name") {
  for (const auto& block :
       read("- r1_k3_s11_e6_i32_o32_c0@14\n- Dense/i64_o10_imgsize1\n- GlobalAvgPool/i64@7\n")) {
    const ir::Graph alone = table::network_of(block, 1);
    CHECK(ir::content_hash(zoo::build(block.name)) == ir::content_hash(alone));
  }
}

TEST_CASE("mistakes in a list are told with file, line and the nearest key") {
  CHECK(contains(complaint("- {kind: mbconv, kernal: 3}\n"),
                 "list.yaml:1: unknown key 'kernal'; did you mean 'kernel'?"));
  CHECK(contains(
      complaint("- r1_k3_s11_e6_i32_o32_c0@56\n- {kind: mbcnv, in: 3}\n"),
      "list.yaml:2: kind: 'mbcnv' is none of mbconv, fused, conv, dense, pool; did you mean 'mbconv'?"));
  CHECK(contains(complaint("- {kind: conv, kernel: 3, in: 3, out: 8}\n"),
                 "list.yaml:1: the block has no 'size'"));
  CHECK(contains(complaint("- {kind: conv, kernel: 0, in: 3, out: 8, size: 8}\n"),
                 "list.yaml:1: kernel: expected a whole number from 1 to 255, got '0'"));
  CHECK(contains(complaint("- r1_k3_s11_e6_i32_o32_c0\n"),
                 "list.yaml:1: 'r1_k3_s11_e6_i32_o32_c0': expected an image size"));
  CHECK(contains(complaint("\n- r1_k3_s11_e6_i32_x32_c0@8\n"),
                 "list.yaml:2: block 'r1_k3_s11_e6_i32_x32_c0', character"));
  CHECK(contains(complaint("bloks: []\n"), "list.yaml:1: unknown key 'bloks'; did you mean 'blocks'?"));
  CHECK(contains(complaint("blocks: []\n"), "list.yaml: the list has no blocks"));
  CHECK(contains(complaint("- [1, 2]\n"), "list.yaml:1: expected a block's name or a mapping"));
  CHECK(contains(complaint("- {block: a, kernel: 3}\n"), "list.yaml:1: 'kernel' beside 'block'"));
  CHECK(contains(complaint("- {kind: conv\n"), "not valid YAML"));
  CHECK(contains(complaint("blocks:\n"), "expected a list of blocks"));
  CHECK(contains(complaint(""), "expected a list of blocks"));
  CHECK_THROWS_AS(table::read_blocks("/no/such/list.yaml"), UserError);
}

TEST_CASE("a block's form is read off its operators") {
  const auto mbconv = form("r1_k5_s22_e6_i24_o40_c0_relu6@56");
  CHECK(mbconv.kind == table::Kind::mbconv);
  CHECK(mbconv.kernel == 5);
  CHECK(mbconv.stride == 2);
  CHECK(mbconv.expanded == 144);
  CHECK(!mbconv.skip);
  CHECK(mbconv.act == "relu6");
  CHECK(form("r1_k3_s11_e1_i24_o24_c0@56").skip);
  CHECK(form("r1_k3_s11_e1_i24_o24_c0@56").expanded == 24);
  CHECK(!form("r1_k3_s11_e1_i24_o24_c0_noskip@56").skip);
  CHECK(form("r1_k3_s11_e4_i24_o24_c0_se0.25@56").squeeze == 6);
  CHECK(form("r1_k3_s11_e4_i24_o24_c0_sx0.25_hswish@56").squeeze == 24);
  CHECK(form("r1_k3_s11_e4_i24_o24_c15@56").kind == table::Kind::fused);
  CHECK(form("r1_k3,5_s11_e2,2_i24_o24_c100@56").kind == table::Kind::mixconv);
  CHECK(form("r1_k3,5_s11_e2,2_i24_o24_c100@56").expanded == 96);
  CHECK(form("Conv2D/k3_s22_i3_o32@224").kind == table::Kind::conv);
  CHECK(form("Dense/i64_o10").kind == table::Kind::dense);
  CHECK(form("GlobalAvgPool/i64@7").kind == table::Kind::pool);
}

TEST_CASE("a squeezed inverted residual has three kernels, and equal kernels of two blocks are one") {
  const auto one = table::block_named("r1_k3_s11_e6_i32_o32_c0_se0.25@14");
  const auto kernels = table::kernels_of({one, table::block_named("r1_k5_s11_e6_i32_o32_c0@14")});
  REQUIRE(kernels.size() == 4);
  CHECK(kernels[0].name == "conv:k1_s1_i32_o192_g1_bn_relu@14");
  CHECK(kernels[1].name == "conv:k3_s1_i192_o192_g192_bn_relu_half@14");
  CHECK(kernels[2].name == "conv:k1_s1_i192_o32_g1_bn@14");
  CHECK(kernels[3].name == "conv:k5_s1_i192_o192_g192_bn_relu_half@14");
  CHECK(table::form_of(table::network_of(kernels[1], 1)).kind == table::Kind::depthwise);
}
