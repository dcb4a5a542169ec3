#!/bin/sh
# Unpacks Debian's Slurm controller into a folder of its own. Nothing is installed on the machine, no root needed.
#   sh benchmarks/peers/slurm.sh [folder, default .local/peers]
set -eu

folder=${1:-.local/peers}/slurm
packages="slurmctld slurm-client slurm-wlm-basic-plugins libhwloc15 libjson-c5 liblua5.1-0 libmunge2 libnuma1 libdbus-1-3 libyaml-0-2"

command -v apt-get >/dev/null && command -v dpkg >/dev/null || {
  echo "apt-get and dpkg are needed: this peer comes from Debian" >&2
  exit 1
}
rm -rf "$folder"
mkdir -p "$folder/packages" "$folder/root"
folder=$(cd "$folder" && pwd)
cd "$folder/packages"
# shellcheck disable=SC2086 # a list of words
apt-get -q download $packages
for package in *.deb; do
  dpkg -x "$package" "$folder/root"
done
rm -r "$folder/packages"
controller=$(find "$folder/root" -path '*/sbin/slurmctld*' -type f)
libraries=$(dirname "$(find "$folder/root" -name libslurmfull.so)")
LD_LIBRARY_PATH="$libraries:$(dirname "$libraries")" "$controller" -V | tee "$folder/version"
