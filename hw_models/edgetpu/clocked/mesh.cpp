#include "hw_models/edgetpu/clocked/mesh.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "hw_models/edgetpu/patch.h"
#include "sim/base/error.h"

namespace npusim::edgetpu::clocked {

namespace {

enum class Way : std::uint8_t { south, north, east, west };
constexpr Way kPasses[] = {Way::south, Way::north, Way::east, Way::west};

bool vertical(Way way) { return way == Way::south || way == Way::north; }
/// Towards higher numbers of rows or columns.
bool forward(Way way) { return way == Way::south || way == Way::east; }

/// A link into a tile, and what it still has to bring.
struct Link {
  std::int64_t to = 0, from = 0;    ///< tiles
  std::vector<std::int64_t> lines;  ///< rows or columns of the map, in the order in which they come
  std::int64_t first = 0;           ///< of the positions of a line: columns or window rows of the map
  std::int64_t length = 0;          ///< positions of a line
  std::int64_t own = 0;             ///< of the lines, the sender's own: the others it has received itself
  std::int64_t line = 0, position = 0, beat = 0;
  std::int64_t brought = 0;  ///< beats
  [[nodiscard]] bool silent() const { return line == std::ssize(lines) || length == 0; }
};

}  // namespace

struct Mesh::State {
  explicit State(const Spec& s, const Faults& f) : spec(s), faults(f) {}

  [[nodiscard]] std::int64_t tile(std::int64_t row, std::int64_t column) const {
    return row * spec.columns + column;
  }
  void open_pass();
  void open_links(Way way, std::int64_t across);
  [[nodiscard]] std::set<std::int64_t> wanted(Way way, std::int64_t tile) const;
  [[nodiscard]] const Link* into(std::int64_t tile) const;
  [[nodiscard]] bool can_send(const Link& link) const;
  void carry(Link& link);
  void move(const Link& link) const;
  [[nodiscard]] std::optional<std::int64_t> source(const Link& link) const;
  [[nodiscard]] std::int64_t destination(const Link& link) const;

  Spec spec;
  Faults faults;
  PhaseSetting s;
  bool numbers = false;
  std::vector<Patch> patches;
  std::vector<Bank> banks;
  std::int64_t beats = 1;  ///< of a position
  std::size_t pass = 0;    ///< under way; behind the last, none
  std::int64_t waiting = 0;
  std::vector<Link> links;
};

/// Lines of the map between a tile's part and the far end of its windows, seen along `way`: a tile's part
/// with its borders is one block.
std::set<std::int64_t> Mesh::State::wanted(Way way, std::int64_t t) const {
  const Patch& patch = patches[static_cast<std::size_t>(t)];
  const Part& part = vertical(way) ? patch.in_rows() : patch.in_columns();
  const Part& window = vertical(way) ? patch.window_rows() : patch.window_columns();
  const std::int64_t extent = vertical(way) ? s.in_h : s.in_w;
  std::set<std::int64_t> lines;
  if (window.size == 0) return lines;
  const std::int64_t from = forward(way) ? std::max<std::int64_t>(window.from, 0) : part.end();
  const std::int64_t end = forward(way) ? part.from : std::min(window.end(), extent);
  for (std::int64_t at = from; at < end; ++at) lines.insert(at);
  return lines;
}

/// The links of one column (or row) of tiles: a tile asks its neighbour, which asks on for what it lacks.
void Mesh::State::open_links(Way way, std::int64_t across) {
  const std::int64_t count = vertical(way) ? spec.rows : spec.columns;
  const auto nth = [&](std::int64_t i) {  // along the way, the last first
    const std::int64_t along = forward(way) ? count - 1 - i : i;
    return vertical(way) ? tile(along, across) : tile(across, along);
  };
  std::set<std::int64_t> asked;
  for (std::int64_t i = 0; i + 1 < count; ++i) {
    Link link;
    link.to = nth(i);
    link.from = nth(i + 1);
    asked.merge(wanted(way, link.to));
    link.lines.assign(asked.begin(), asked.end());
    if (forward(way)) std::reverse(link.lines.begin(), link.lines.end());
    const Patch& sender = patches[static_cast<std::size_t>(link.from)];
    const Part& part = vertical(way) ? sender.in_rows() : sender.in_columns();
    link.own = std::count_if(link.lines.begin(), link.lines.end(), [&](auto at) { return part.holds(at); });
    const Part& positions = vertical(way) ? sender.in_columns() : sender.window_rows();
    link.first = positions.from;
    link.length = positions.size;
    std::erase_if(asked, [&](std::int64_t at) { return part.holds(at); });
    links.push_back(std::move(link));
  }
}

void Mesh::State::open_pass() {
  for (; pass < std::size(kPasses); ++pass) {
    links.clear();
    const Way way = kPasses[pass];
    for (std::int64_t i = 0; i < (vertical(way) ? spec.columns : spec.rows); ++i) open_links(way, i);
    waiting = faults.link_registers;
    if (!std::all_of(links.begin(), links.end(), [](const Link& link) { return link.silent(); })) return;
  }
}

const Link* Mesh::State::into(std::int64_t t) const {
  const auto found = std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.to == t; });
  return found == links.end() ? nullptr : &*found;
}

bool Mesh::State::can_send(const Link& link) const {
  if (link.silent()) return false;
  if (link.line < link.own || faults.no_relay) return true;
  const Link* supply = into(link.from);
  ensure(supply != nullptr, "what a tile passes on it receives");
  const std::int64_t beat = ((link.line - link.own) * link.length + link.position) * beats + link.beat;
  return supply->brought > beat;
}

/// Where the sender has the position that the link carries; nothing outside of the map.
std::optional<std::int64_t> Mesh::State::source(const Link& link) const {
  const std::int64_t line = link.lines[static_cast<std::size_t>(link.line)];
  const std::int64_t at = link.first + link.position;
  const Patch& sender = patches[static_cast<std::size_t>(link.from)];
  return vertical(kPasses[pass]) ? sender.input(line, at) : sender.input(at, line);
}

std::int64_t Mesh::State::destination(const Link& link) const {
  const Patch& receiver = patches[static_cast<std::size_t>(link.to)];
  switch (kPasses[pass]) {
    case Way::south:
      return receiver.above(link.line, link.position);
    case Way::north:
      return receiver.below(link.line, link.position);
    case Way::east:
      return receiver.before(link.line, link.position);
    default:
      return receiver.behind(link.line, link.position);
  }
}

void Mesh::State::move(const Link& link) const {
  const std::int64_t bytes = spec.padded(s.in_c);
  const std::int64_t from = link.beat * spec.mesh_rate;
  const std::int64_t count = std::min(spec.mesh_rate, bytes - from);
  const auto to = banks[static_cast<std::size_t>(link.to)].narrow(destination(link) + from, count);
  const auto at = source(link);
  if (!at) {
    std::fill(to.begin(), to.end(), std::byte{0});
    return;
  }
  const auto word = banks[static_cast<std::size_t>(link.from)].narrow(*at + from, count);
  std::copy(word.begin(), word.end(), to.begin());
}

void Mesh::State::carry(Link& link) {
  if (numbers) move(link);
  ++link.brought;
  if (++link.beat < beats) return;
  link.beat = 0;
  if (++link.position < link.length) return;
  link.position = 0;
  ++link.line;
}

Mesh::Mesh(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults)
    : Engine(name, spec), state_(std::make_unique<State>(spec, faults)) {}

Mesh::~Mesh() = default;

void Mesh::latch(const program::Program& program, const program::Command& command,
                 program::Storage& storage) {
  State& m = *state_;
  m.s = setting_of_command(program, command);
  m.numbers = m.s.work != Work::count;
  m.patches.clear();
  m.banks.clear();
  for (std::int64_t tile = 0; tile < spec().tiles(); ++tile) {
    m.patches.emplace_back(spec(), m.s, tile);
    m.banks.emplace_back(spec(), storage, tile);
  }
  m.beats = 0;
  for (std::int64_t sent = 0; sent < spec().padded(m.s.in_c); sent += spec().mesh_rate) ++m.beats;
  m.pass = 0;
  m.open_pass();
}

bool Mesh::edge() {
  State& m = *state_;
  if (m.pass == std::size(kPasses)) return false;
  std::vector<Link*> sending;
  for (Link& link : m.links) {
    if (m.can_send(link)) sending.push_back(&link);
  }
  for (Link* link : sending) m.carry(*link);
  if (!std::all_of(m.links.begin(), m.links.end(), [](const Link& link) { return link.silent(); }))
    return true;
  if (m.waiting-- > 0) return true;
  ++m.pass;
  m.open_pass();
  return m.pass < std::size(kPasses);
}

}  // namespace npusim::edgetpu::clocked
