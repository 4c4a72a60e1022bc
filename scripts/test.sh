#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests.
# Usage: scripts/test.sh [ctest options]        for example: scripts/test.sh -R mem
source "$(dirname "$0")/lib.sh"
"$root/scripts/setup.sh"
build release
exec ctest --test-dir "$root/build/release" --output-on-failure --no-tests=error -j "$cores" "$@"
