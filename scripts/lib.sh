# Sourced by the other scripts: where the project is, how to say something, how to build.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cores=$(nproc 2>/dev/null || echo 2)

say() { printf 'npusim: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# build PRESET [TARGET]: configures build/PRESET where that was not done yet and brings TARGET (default: all) up to
# date. Shows its progress, but for a program that is there already only what goes wrong. All output is on stderr.
build() {
  local folder=$root/build/$1 target=${2:-all}
  if [ ! -f "$folder/build.ninja" ]; then
    say "configuring build/$1"
    (cd "$root" && cmake --preset "$1") >&2
  fi
  if [ -x "$folder/bin/$target" ]; then
    ninja -C "$folder" -j "$cores" --quiet "$target" >"$folder/rebuild.log" 2>&1 && return
    cat "$folder/rebuild.log" >&2
    die "building $target failed"
  fi
  say "building $target in build/$1 with $cores jobs"
  NINJA_STATUS="[%f/%t, %e s] " ninja -C "$folder" -j "$cores" "$target" >&2
}
