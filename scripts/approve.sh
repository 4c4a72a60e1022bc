#!/usr/bin/env bash
# Writes every golden file anew from what the tests see now, and shows what changed. Read it before committing.
# Usage: scripts/approve.sh
source "$(dirname "$0")/lib.sh"
build release
NPUSIM_APPROVE=1 ctest --test-dir "$root/build/release" --output-on-failure -j "$cores" || true
cd "$root"
git status --short -- tests
git diff --stat -- tests
