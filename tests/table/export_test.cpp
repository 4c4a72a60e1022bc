// The formats of other tools, read the way those tools do.
#include "nas/table/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "nas/table/additive.h"
#include "nas/table/block_list.h"
#include "nas/table/kernels.h"
#include "nas/table/pickle.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/table/fixture.h"
#include "tests/table/python.h"

using namespace npusim;
using namespace npusim::table;
using namespace npusim::table::test;
using npusim::test::contains;
using npusim::test::python_has;
using npusim::test::run_python;
using npusim::test::TempFolder;
using npusim::test::write_file;
using Json = nlohmann::json;

namespace {

/// The published table has two first blocks more than any network of the space: 5x5 and 7x7.
std::vector<space::Block> published_proxyless(const space::Space& space) {
  std::vector<space::Block> blocks = space.all_blocks();
  for (const char* kernel : {"5", "7"}) {
    blocks.push_back(block_named(fmt::format("r1_k{}_s11_e1_i32_o16_c0_relu6@112", kernel)));
  }
  return blocks;
}

const Table& proxyless() {
  static const Table table = [] {
    const auto space = space::make_space("proxyless");
    return measure(published_proxyless(*space), space.get(), int8({Context::isolated}));
  }();
  return table;
}

const Table& ofa() {
  static const Table table = [] {
    const auto space = space::make_space("ofa");
    return measure(space->all_blocks(), space.get(), int8({Context::isolated}));
  }();
  return table;
}

std::string text_of(const std::string& format, const Table& table) {
  const auto files = format_of(format).write(table);
  REQUIRE(files.size() == 1);
  return files[0].text;
}

std::string file_text(const std::vector<File>& files, const std::string& path) {
  for (const File& file : files) {
    if (file.path == path) return file.text;
  }
  throw std::runtime_error("no file " + path);
}

/// Lines that are keys of a YAML mapping on the first level.
std::set<std::string> keys_of(const std::string& yaml) {
  std::set<std::string> keys;
  std::istringstream in(yaml);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#') keys.insert(line.substr(0, line.size() - 1));
  }
  return keys;
}

std::set<std::string> published_keys(const std::string& file) {
  std::ifstream in(std::string(NPUSIM_SOURCE_DIR) + "/tests/data/tables/" + file);
  std::set<std::string> keys;
  for (std::string line; std::getline(in, line);) keys.insert(line);
  return keys;
}

double cycles_of(const Table& table, const std::string& block) {
  const AdditiveModel model(table, table.rows[0].context);
  return model.cycles(std::vector<std::string>{block}) - table.fixed_cycles;
}

/// Builds keys of ProxylessNAS' estimator for one network (all blocks of one kernel and expansion, full
/// depth) from the rules of its key, and adds up the means.
const char* const kProxylessReader = R"(
import sys, yaml
table = yaml.safe_load(open(sys.argv[1]))
kernel, expand = int(sys.argv[2]), int(sys.argv[3])
def shape(s): return 'x'.join(str(v) for v in s)
def ask(kind, i, o, **a):
    infos = [kind, 'input:' + shape(i), 'output:' + (shape(o) if isinstance(o, list) else str(o))]
    if a:
        infos += ['expand:%d' % a['e'], 'kernel:%d' % a['k'], 'stride:%d' % a['s'], 'idskip:%d' % a['skip']]
    return table['-'.join(infos)]['mean']
total = ask('Conv', [224, 224, 3], [112, 112, 32])
total += ask('expanded_conv', [112, 112, 32], [112, 112, 16], e=1, k=3, s=1, skip=0)
h, cin = 112, 16
for n, cout, stride in [(4, 24, 2), (4, 40, 2), (4, 80, 2), (4, 96, 1), (4, 192, 2), (1, 320, 1)]:
    for i in range(n):
        s = stride if i == 0 else 1
        o = int((h - 1) / s + 1)
        total += ask('expanded_conv', [h, h, cin], [o, o, cout], e=expand, k=kernel, s=s, skip=int(i > 0))
        h, cin = o, cout
total += ask('Conv_1', [7, 7, 320], [7, 7, 1280])
total += ask('Logits', [7, 7, 1280], 1000)
print(repr(total))
)";

/// The published keys of Once-for-All's table, each asked for, and the means' sum.
const char* const kOfaReader = R"(
import sys, yaml
table = yaml.safe_load(open(sys.argv[1]))
print(repr(sum(table[key]['mean'] for key in open(sys.argv[2]).read().split())), len(table))
)";

}  // namespace

TEST_CASE("ProxylessNAS' published table has 72 keys, and ours of its space the same ones") {
  const auto keys = keys_of(text_of("proxyless", proxyless()));
  CHECK(published_keys("proxyless_mobile_trim.keys").size() == 72);
  CHECK(keys == published_keys("proxyless_mobile_trim.keys"));
}

TEST_CASE("Once-for-All's published table has 96 keys, and ours of its space the same ones") {
  const auto keys = keys_of(text_of("ofa", ofa()));
  CHECK(published_keys("ofa_note10_224.keys").size() == 96);
  CHECK(keys == published_keys("ofa_note10_224.keys"));
}

TEST_CASE("lookup tables say in comments which hardware they are of") {
  for (const char* format : {"ofa", "proxyless"}) {
    const std::string text = text_of(format, format == std::string("ofa") ? ofa() : proxyless());
    CHECK(contains(text, "# hardware midap " + ofa().hw_hash + ", int8 at 1000 MHz, batch 1\n"));
  }
}

TEST_CASE("read by ProxylessNAS' rules in Python, a network's latency is the sum of its rows") {
  if (!python_has("yaml")) {
    WARN("no python3 with yaml: not tried");
    return;
  }
  const TempFolder folder;
  write_file(folder / "lut.yaml", text_of("proxyless", proxyless()));
  const auto space = space::make_space("proxyless");
  const AdditiveModel model(proxyless(), Context::isolated);
  // The genome whose blocks are all 5x5 with expansion 6, and none is left out.
  space::Genome genome(space->genes().size());
  for (std::size_t g = 0; g < genome.size(); ++g) {
    const auto& choices = space->genes()[g].choices;
    const auto at = std::find(choices.begin(), choices.end(), "k5e6");
    if (at != choices.end()) genome[g] = static_cast<std::uint16_t>(at - choices.begin());
  }
  const double expected = model.latency_ns(*space, genome) / 1e6;
  const std::string printed = run_python(kProxylessReader, {folder / "lut.yaml", "5", "6"});
  CHECK(std::stod(printed) == Approx(expected));
}

TEST_CASE("every published key of Once-for-All's is found in ours in Python, with the rows' latencies") {
  if (!python_has("yaml")) {
    WARN("no python3 with yaml: not tried");
    return;
  }
  const TempFolder folder;
  write_file(folder / "lut.yaml", text_of("ofa", ofa()));
  const std::string keys = std::string(NPUSIM_SOURCE_DIR) + "/tests/data/tables/ofa_note10_224.keys";
  double sum = 0;
  for (const Row& row : ofa().rows) sum += ofa().to_ms(row.cycles);
  std::istringstream printed(run_python(kOfaReader, {folder / "lut.yaml", keys}));
  double total = 0;
  std::size_t count = 0;
  printed >> total >> count;
  CHECK(total == Approx(sum));
  CHECK(count == 96);
}

TEST_CASE("Single-Path NAS' JSON has four choices for each of its 22 blocks") {
  const Json json = Json::parse(text_of("singlepath", proxyless()));
  REQUIRE(json.size() == 22);
  for (std::size_t i = 0; i < 22; ++i) CHECK(json.at(std::to_string(i)).size() == 4);
  CHECK(json.at("0").at("0") == json.at("0").at("3"));
  CHECK(json.at("1").at("2").get<double>() * 1e6 ==
        Approx(cycles_of(proxyless(), "block:r1_k5_s22_e3_i16_o24_c0_relu6_half@112")));
  CHECK(json.at("21").at("1").get<double>() * 1e6 ==
        Approx(cycles_of(proxyless(), "block:r1_k3_s11_e6_i192_o320_c0_relu6@7")));
  CHECK_THROWS_AS(format_of("singlepath").write(ofa()), UserError);
}

TEST_CASE("S3NAS' files are named as published and hold whole nanoseconds") {
  const Table table = measure({block_named("MBConvBlock/r1_k3_s11_e6_i32_o32_c0_noskip_imgsize56"),
                               block_named("r1_k3,5_s22_e2,4_i32_o64_c100@56"), block_named("Dense/i64_o10")},
                              nullptr, int8({Context::behind_stem}));
  const auto files = format_of("s3nas").write(table);
  CHECK(files.size() == 4);
  const Json one = Json::parse(file_text(files, "MBConvBlock/r1_k3_s11_e6_i32_o32_c0_noskip_imgsize56"));
  CHECK(one.at("latency") == static_cast<std::int64_t>(table.rows[0].cycles));
  CHECK(!file_text(files, "MixConvBlock/r1_k3,5_s22_e2,4_i32_o64_c100_imgsize56").empty());
  CHECK(!file_text(files, "Dense/i64_o10_imgsize1").empty());
  CHECK(contains(file_text(files, "README"), table.hw_hash));
}

TEST_CASE("nn-Meter's pair of files has equal ids, its configuration's fields and 'mean +- deviation'") {
  const std::vector<space::Block> blocks{block_named("r1_k3_s22_e6_i32_o64_c0_relu6@56"),
                                         block_named("i64_o10"), block_named("i64@7")};
  const Table table = measure(kernels_of(blocks), nullptr, int8({Context::isolated}));
  const auto files = format_of("nnmeter").write(table);
  const Json models = Json::parse(file_text(files, "dwconv-bn-relu6_npusim.json")).at("dwconv-bn-relu6");
  const Json profiled = Json::parse(file_text(files, "profiled_dwconv-bn-relu6.json")).at("dwconv-bn-relu6");
  const Json config = {{"HW", 56}, {"CIN", 192}, {"COUT", 192}, {"KERNEL_SIZE", 3}, {"STRIDES", 2}};
  CHECK(models.at("id_0").at("config") == config);
  CHECK(models.at("id_0").at("shapes") == Json::parse("[[56, 56, 192]]"));
  const std::string latency = profiled.at("id_0").at("latency");
  CHECK(latency.substr(latency.size() - 7) == " +- 0.0");
  CHECK(std::stod(latency) * 1e6 == Approx(table.rows[1].cycles));
  CHECK(Json::parse(file_text(files, "fc_npusim.json")).at("fc").at("id_0").at("config") ==
        Json({{"CIN", 64}, {"COUT", 10}}));
  CHECK(!file_text(files, "profiled_global-avgpool.json").empty());
}

TEST_CASE("HW-NAS-Bench's pickle reads back in Python as the same operators and milliseconds") {
  const std::string text = text_of("hwnasbench", proxyless());
  CHECK(text.substr(0, 2) == "\x80\x02");
  CHECK(contains(text, "ConvBlock_H112_W112_Cin16_Cout24_exp3_kernel3_stride2_group1"));
  if (!python_has("pickle")) {
    WARN("no python3: not tried");
    return;
  }
  const TempFolder folder;
  write_file(folder / "bench.pickle", text);
  const std::string printed = run_python(
      "import pickle, sys\n"
      "d = pickle.load(open(sys.argv[1], 'rb'))['fbnet']['midap_latency']\n"
      "print(repr(d['ConvBlock_H112_W112_Cin16_Cout24_exp3_kernel3_stride2_group1']),\n"
      "      'ConvNorm_H224_W224_Cin3_Cout32_kernel3_stride2_group1' in d, 'FC_Cin1280_Cout1000' in d,\n"
      "      'AvgP_H7_W7_Cin1280_Cout1280_kernel7_stride1' in d)",
      {folder / "bench.pickle"});
  const double ms = proxyless().to_ms(cycles_of(proxyless(), "block:r1_k3_s22_e3_i16_o24_c0_relu6_half@112"));
  CHECK(printed == fmt::format("{} True True True\n", ms));
}

TEST_CASE("a pickle of every kind of value reads back in Python") {
  const auto value = nlohmann::ordered_json::parse(
      R"({"a": [1, -2, 0.5, true, false, null], "b": {"\u00fc": "text"}, "c": [], "d": {}})");
  const TempFolder folder;
  write_file(folder / "value.pickle", to_pickle(value));
  if (!python_has("pickle")) return;
  const std::string printed = run_python(
      "import pickle, sys, json; print(json.dumps(pickle.load(open(sys.argv[1], 'rb')), sort_keys=True))",
      {folder / "value.pickle"});
  CHECK(Json::parse(printed) == Json::parse(value.dump()));
}

TEST_CASE("FBNet's records carry every row with its shapes and the chip") {
  const Json json = Json::parse(text_of("fbnet", ofa()));
  REQUIRE(json.size() == ofa().rows.size());
  const Json& record = json.at(5);
  CHECK(record.at("runtime_us_p50").get<double>() * 1e3 == Approx(ofa().rows[5].cycles));
  CHECK(record.at("op_args").at("name") == ofa().rows[5].block);
  CHECK(contains(record.at("device"), ofa().hw_hash));
}

TEST_CASE("what every network takes besides its blocks is in the first block's row of other formats") {
  Table table = proxyless();
  const std::string before = text_of("fbnet", table);
  table.fixed_cycles = 5000;
  const Json a = Json::parse(before);
  const Json b = Json::parse(text_of("fbnet", table));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double more =
        b.at(i).at("runtime_us_p50").get<double>() - a.at(i).at("runtime_us_p50").get<double>();
    CHECK(more == Approx(table.rows[i].block == table.first_block ? 5.0 : 0.0).margin(1e-9));
  }
}

TEST_CASE("an unknown format is told with the nearest") { CHECK_THROWS_AS(format_of("yaml"), UserError); }
