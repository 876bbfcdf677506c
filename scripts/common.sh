# Sourced by the other scripts: where the project is, and what the machine must have before anything is built.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

minimum_swift=6.1

fail() {
  echo "error: $*" >&2
  exit 1
}

need_swift() {
  local found major minor
  found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1) || true
  major=${found%%.*} minor=${found#*.}
  if [ -z "$found" ] || [ "$major" -lt "${minimum_swift%.*}" ] ||
    { [ "$major" -eq "${minimum_swift%.*}" ] && [ "$minor" -lt "${minimum_swift#*.}" ]; }; then
    fail "XTGateway needs Swift $minimum_swift or newer (found ${found:-none}): install it from https://www.swift.org/install/linux/"
  fi
}

# The Debian packages that are missing, one a line. "test" as first argument asks for what only the tests need too, "bench" for the
# benchmarks' peers and tools.
missing_packages() {
  command -v pkg-config >/dev/null || echo pkg-config
  [ -n "$(find_library libuv libuv.pc)" ] || echo libuv1-dev
  [ -n "$(find_library libcurl libcurl.pc)" ] || echo libcurl4-openssl-dev
  [ "${1:-}" != gates ] || command -v valgrind >/dev/null || echo valgrind
  if [ "${1:-}" = image ]; then
    command -v buildah >/dev/null || echo buildah
    command -v debootstrap >/dev/null || echo debootstrap
  fi
  if [ "${1:-}" = bench ]; then
    local program
    for program in nginx:nginx-light haproxy:haproxy cc:gcc valgrind:valgrind; do
      PATH=$PATH:/usr/sbin command -v "${program%%:*}" >/dev/null || echo "${program#*:}"
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  fi
  [ "${1:-}" = test ] || return 0
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  command -v openssl >/dev/null || echo openssl
  command -v curl >/dev/null || echo curl
}

# pkg-config itself may be the missing one, so the file is looked for without it as well.
find_library() {
  if command -v pkg-config >/dev/null; then
    pkg-config --exists "$1" && echo yes
  else
    find /usr/lib /usr/local/lib /usr/share/pkgconfig -name "$2" -print -quit 2>/dev/null
  fi
}

need_packages() {
  local packages as_root=()
  packages=$(missing_packages "$@" | tr '\n' ' ')
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
  if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    fail "these packages are missing: ${packages% }. Install them (Debian names: apt-get install ${packages% }), then try again"
  fi
  echo "Installing ${packages% }"
  # shellcheck disable=SC2086 # a list of names
  "${as_root[@]}" apt-get update -qq </dev/null &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages </dev/null >/dev/null ||
    fail "apt-get could not install: ${packages% }"
  [ -z "$(missing_packages "$@")" ] || fail "still missing after the installation: $(missing_packages "$@" | tr '\n' ' ')"
}

# Programs that tests alone want, and that would start as services if they were installed, lie unpacked in here.
tools=$PWD/.build-tools
PATH=$PATH:/usr/sbin:$tools/usr/sbin:$tools/usr/bin
export PATH

# need_tool PROGRAM PACKAGE: takes the program out of Debian's package where it is not installed.
need_tool() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || fail "$1 is missing: install it (Debian's package is $2), then try again"
  local folder
  folder=$(mktemp -d)
  echo "Taking $1 out of Debian's package $2"
  (cd "$folder" && { apt-get download -qq "$2" 2>/dev/null || { update_packages && apt-get download -qq "$2"; }; }) </dev/null ||
    fail "apt-get could not download $2"
  dpkg -x "$folder"/*.deb "$tools"
  rm -rf "$folder"
  "$1" --version >/dev/null 2>&1 || "$1" -v >/dev/null 2>&1 || fail "$1 out of the package $2 does not run: install $2, then try again"
}

update_packages() {
  if [ "$(id -u)" -eq 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq; fi
}

# The Swift runtime is linked statically: the binary then runs where no Swift is installed. lld is the toolchain's own linker.
# Debugging information, all of it the runtime's, is left out: a quarter of the file.
build_release() {
  swift build -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker --strip-debug "$@"
}
