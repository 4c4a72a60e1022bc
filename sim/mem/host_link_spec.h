// A host link's parameters. Cycles are those of the chip's main clock.
#pragma once

#include <cstdint>
#include <string>

namespace npusim::mem {

/// One direction of a link.
struct LinkDirectionSpec {
  /// Bytes per cycle on the wire, as the exact ratio rate_num / rate_den (444 MB/s at 500 MHz: 111/125).
  std::int64_t rate_num = 1, rate_den = 1;
  /// From the last byte on the wire to the response at the port; of a read, the request's way included.
  std::int64_t latency_cycles = 0;
};

/// A link to the host's memory (USB, PCIe): a window of the global address space.
struct HostLinkSpec {
  std::string name;                        ///< "usb3"
  std::int64_t base = 0;                   ///< first address of the window
  std::int64_t bytes = 0;                  ///< of the window
  LinkDirectionSpec read;                  ///< host to chip (USB: OUT)
  LinkDirectionSpec write;                 ///< chip to host (USB: IN)
  std::int64_t packet_bytes = 1024;        ///< most payload of a packet; masters take turns by packet
  std::int64_t packet_overhead_bytes = 0;  ///< header, checksum and gap of a packet, in bytes on the wire
  /// Consecutive addresses of one master are transferred in pieces of at most this; 0: of any size.
  std::int64_t piece_bytes = 0;
  std::int64_t piece_cycles = 0;  ///< the wire is held for so long before a piece (its header, turnaround)
  /// The directions exclude each other, and no packet to the chip starts while one to the host waits or is on
  /// the wire (single-endpoint firmware).
  bool half_duplex = false;
};

/// Totals of one direction since the last reset.
struct LinkTraffic {
  std::int64_t bytes = 0;    ///< payload
  std::int64_t packets = 0;  ///< begun
  std::int64_t pieces = 0;
  std::int64_t busy_cycles = 0;  ///< the wire carried packets or was held for pieces, rounded up
  /// Cycles in which a master's oldest request had arrived and was not on the wire, summed over masters: it
  /// waited for other masters' packets, for a piece's hold, or for the other direction.
  std::int64_t wait_cycles = 0;

  bool operator==(const LinkTraffic&) const = default;
};

struct LinkCounters {
  std::string name;
  LinkTraffic read, write;

  bool operator==(const LinkCounters&) const = default;
};

}  // namespace npusim::mem
