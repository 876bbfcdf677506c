# Sourced by scripts/image and scripts/fresh-root: folders with a fresh Debian, and what this machine must lend them. Needs root.

release=bookworm
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
# What Swift's own image and its installation guide for Debian have beside the toolchain.
swift_packages="binutils git libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev libncurses6 libpython3.11 libsqlite3-0 libstdc++-12-dev \
libxml2-dev libz3-dev tzdata unzip uuid-dev zlib1g-dev pkg-config ca-certificates"

need_root() {
  [ "$(id -u)" -eq 0 ] || fail "this needs root: it makes a Debian of its own"
}

# debian_root FOLDER: a minimal Debian with security updates on.
debian_root() {
  if [ ! -e "$1.complete" ]; then
    rm -rf "$1"
    debootstrap --variant=minbase "$release" "$1" "$mirror" >"$1.log" 2>&1 || fail "debootstrap failed, see $1.log"
    printf 'deb %s %s main\n' "$mirror" "$release" "$mirror" "$release-updates" "$security" "$release-security" >"$1/etc/apt/sources.list"
    rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*
    touch "$1.complete"
  fi
}

toolchain() {
  local swift
  swift=$(readlink -f "$(command -v swift)")
  echo "${swift%/usr/bin/*}"
}

# Folders that this machine lends, read-only: the toolchain, and where git reads repositories from a folder, and pip packages, those.
lent_folders() {
  toolchain
  git config --get-regexp '^url\..*\.insteadof$' 2>/dev/null | sed -n 's|^url\.\(/[^ ]*\)\.insteadof .*|\1|p' | sed 's|/$||' | sort -u
  [ ! -d "${PIP_FIND_LINKS:-}" ] || echo "$PIP_FIND_LINKS"
}

# lend_files ROOT: how this machine reaches packages, so that the root does as well.
lend_files() {
  git config --get-regexp '^url\..*\.insteadof$' 2>/dev/null | while read -r key value; do
    git config --file "$1/etc/gitconfig" --add "$key" "$value"
  done
  if [ -s "$1/etc/gitconfig" ]; then git config --file "$1/etc/gitconfig" safe.directory '*'; fi
  if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$1/etc/pip.conf"; fi
  mkdir -p "$1/usr/local/share/ca-certificates" "$1/etc/ssl/certs"
  # For what runs before the package is installed, and what its installation makes the bundle out of.
  cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp -L {} "$1/usr/local/share/ca-certificates/" \;
  cp -L /etc/resolv.conf "$1/etc/resolv.conf"
}
