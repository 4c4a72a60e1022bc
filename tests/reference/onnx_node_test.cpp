// The reference executor against the outputs that ONNX ships with its operator tests.
#include "tests/reference/onnx_node.h"

#include <algorithm>

#include "tests/catch.h"

namespace npusim::reference::testing {

namespace {

/// Of ONNX's expected outputs, which its authors computed in single precision.
constexpr double kTolerance = 1e-6;

}  // namespace

TEST_CASE("572 operator tests of the ONNX project give the outputs that it expects, within 1e-6") {
  const std::vector<std::string> tests = node_tests();
  REQUIRE(tests.size() == 572);
  for (const std::string& name : tests) {
    INFO(name);
    for (const Checked& check : run_node_test(name)) {
      INFO(check.output);
      CHECK(check.expected.dtype == check.computed.dtype);
      REQUIRE(check.expected.shape == check.computed.shape);
      const Difference difference = compare(check.expected, check.computed);
      INFO("largest difference " << difference.max_abs << " at "
                                 << coordinates_text(difference.worst, check.expected.shape));
      CHECK(difference.max_abs <= (is_real(check.expected.dtype) ? kTolerance * (1 + difference.peak) : 0));
    }
  }
}

TEST_CASE("the operator tests cover every kind of operator that files can hold") {
  const std::vector<std::string> tests = node_tests();
  for (const char* kind : {"conv_with_strides_padding",
                           "convtranspose_group_2",
                           "matmul_4d",
                           "gemm_all_attributes",
                           "maxpool_2d_ceil",
                           "averagepool_2d_ceil",
                           "reduce_max_keepdims_random",
                           "layer_normalization_4d_axis2",
                           "batchnorm_example",
                           "instancenorm_example",
                           "softmax_axis_1",
                           "concat_3d_axis_1",
                           "split_equal_parts_2d_opset13",
                           "slice_neg_steps",
                           "reshape_zero_dim",
                           "transpose_all_permutations_4",
                           "edge_pad",
                           "reflect_pad",
                           "resize_upsample_scales_cubic",
                           "resize_downsample_sizes_linear_antialias",
                           "depthtospace_crd_mode_example",
                           "spacetodepth_example",
                           "gather_negative_indices",
                           "expand_dim_changed",
                           "cast_FLOAT_to_FLOAT16",
                           "quantizelinear_axis",
                           "dequantizelinear_axis",
                           "shape_start_1",
                           "identity"}) {
    INFO(kind);
    CHECK(std::find(tests.begin(), tests.end(), kind) != tests.end());
  }
}

}  // namespace npusim::reference::testing
