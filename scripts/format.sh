#!/usr/bin/env bash
# Formats every C++ file, or only says which ones are not (exit code 1). clang-format 14 is the reference.
# Usage: scripts/format.sh [--check]
source "$(dirname "$0")/lib.sh"
cd "$root"
case ${1:-} in
  "") mode=(-i) ;;
  --check) mode=(--dry-run -Werror) ;;
  *) die "usage: scripts/format.sh [--check]" ;;
esac
git ls-files -z --cached --others --exclude-standard '*.cpp' '*.h' |
  xargs -0 --no-run-if-empty -n 16 -P "$cores" clang-format "${mode[@]}"
