#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy; 14 is the reference) on every source file, or on those that differ from a commit.
# Usage: scripts/tidy.sh                  all
#        scripts/tidy.sh --since COMMIT   what changed since COMMIT, committed or not
#        scripts/tidy.sh FILE...          these
source "$(dirname "$0")/lib.sh"
cd "$root"
database=build/tidy
[ -f "$database/compile_commands.json" ] || cmake --preset tidy >&2

if [ "${1:-}" = --since ]; then
  [ $# -eq 2 ] || die "usage: scripts/tidy.sh [--since COMMIT | FILE...]"
  mapfile -t files < <(git diff --name-only --diff-filter=d "$2" -- '*.cpp')
elif [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(git ls-files '*.cpp')
fi
# Only what the build compiles: the database knows.
known=()
for file in "${files[@]}"; do
  grep -qF "$root/${file#"$root"/}" "$database/compile_commands.json" && known+=("$file")
done
[ ${#known[@]} -gt 0 ] || { say "tidy: no source file to check"; exit 0; }
say "tidy: ${#known[@]} files"
printf '%s\0' "${known[@]}" | xargs -0 -n 1 -P "$cores" clang-tidy -p "$database" --quiet --extra-arg=-Wno-unknown-warning-option
