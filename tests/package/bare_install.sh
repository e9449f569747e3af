#!/usr/bin/env bash
# The Debian package in a Debian that holds nothing else (a chroot): it installs, its verbs without torch run, it names the
# command that brings torch, and after that command the report is made.
#
# bare_install.sh BUILD_FOLDER NETWORK.onnx      needs root, debootstrap and the package registries
set -eu
build=$1 network=$2
root=$(mktemp -d /var/tmp/pare-bare.XXXXXX)
cleanup() {
  for folder in dev proc; do umount -l "$root/$folder" 2>/dev/null || true; done
  mountpoint -q "$root/dev" || rm -rf --one-file-system "$root"
}
trap cleanup EXIT

. /etc/os-release
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -1)
debootstrap --variant=minbase --include=ca-certificates "$VERSION_CODENAME" "$root" "$mirror" >"$root.log" 2>&1 ||
  { tail -5 "$root.log" >&2; exit 1; }
rm -f "$root.log" "$root/etc/apt/sources.list"
cp -a /etc/apt/. "$root/etc/apt/"  # package managers reach what they reach outside
for file in /etc/pip.conf /etc/resolv.conf /etc/hosts "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}"; do
  if [ -f "$file" ]; then mkdir -p "$root$(dirname "$file")"; cp -L "$file" "$root$file"; fi
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
inside() { DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 HOME=/root chroot "$root" "$@"; }

cpack -G DEB --config "$build/CPackConfig.cmake" -B "$root/deb" >/dev/null
cp "$network" "$root/network.onnx"
inside apt-get update -qq
inside sh -c 'apt-get install -y -qq --no-install-recommends /deb/*.deb' >/dev/null
inside pare --help | grep -q quantize
inside pare inspect /network.onnx --json | grep -q '"macs"'
if inside pare report -o /page 2>"$root/said"; then echo "the report ran without torch" >&2; exit 1; fi
grep -q 'pare install-torch' "$root/said"
inside pare install-torch >/dev/null
inside pare report -q -o /page
grep -q '<svg' "$root/page/report.html"
inside apt-get purge -y -qq pare >/dev/null
if inside sh -c 'ls /usr/bin/pare /usr/lib/libpare*' >/dev/null 2>&1; then echo "purging left files" >&2; exit 1; fi
echo "1 passed, 0 failed"
