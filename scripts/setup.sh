#!/usr/bin/env bash
# Installs what building, testing and checking npusim needs, from the distribution's own packages
# (Debian 12, Ubuntu 24.04). Idempotent; asks for nothing; does nothing when all of it is there.
# Usage: scripts/setup.sh [--browser]        as root, or as a user who may use sudo
source "$(dirname "$0")/lib.sh"

packages=(
  g++ cmake ninja-build ccache pkg-config git            # build
  libsystemc-dev libfmt-dev libyaml-cpp-dev libboost-dev # simulator
  libonnx-dev libprotobuf-dev protobuf-compiler          # ONNX import
  libflatbuffers-dev flatbuffers-compiler                # TFLite import
  libcli11-dev nlohmann-json3-dev libeigen3-dev          # command line, reports, numbers
  libjs-chart.js                                         # pages
  libsqlite3-dev                                         # results store
  libnlopt-dev libnlopt-cxx-dev                          # npusim calibrate
  catch2 libbenchmark-dev                                # tests
  clang-format clang-tidy                                # checks
)

# Without these npusim builds and lacks something: two regressors of npusim fit, an oracle of the tests.
optional=(liblinear-dev libxgboost-dev libpagmo-dev)
# What the tests of pages need; Ubuntu has Chromium only as a snap, and they are skipped there.
[ "${1:-}" = --browser ] && optional+=(chromium chromium-driver)

is_missing() {
  local status
  status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)
  [ "$status" != installed ]
}

missing=()
for package in "${packages[@]}" "${optional[@]}"; do
  if is_missing "$package"; then missing+=("$package"); fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || die "apt-get not found; install by hand: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || die "not root and no sudo; as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

# Mirrors and locks fail now and then: three tries, waiting for another apt to finish.
apt() {
  local try
  for try in 1 2 3; do
    if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -y -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >&2; then
      return
    fi
    say "apt-get $1 failed (try $try of 3)"
    sleep $((try * 5))
  done
  die "apt-get $* failed three times"
}

say "installing ${missing[*]}"
apt update
wanted=()
for package in "${missing[@]}"; do
  if [[ " ${optional[*]} " == *" $package "* ]] && ! apt-cache show "$package" >/dev/null 2>&1; then
    say "this distribution has no $package: going on without"
  else
    wanted+=("$package")
  fi
done
[ ${#wanted[@]} -gt 0 ] || exit 0
apt install --no-install-recommends "${wanted[@]}"
