#!/bin/sh
# Installs OpenStack Placement into a virtual environment of its own.
#   sh benchmarks/peers/placement.sh [folder, default .local/peers]
set -eu

folder=${1:-.local/peers}/placement
rm -rf "$folder"
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input 'openstack-placement>=14,<17'
"$folder/venv/bin/python" -m pip list --disable-pip-version-check --format=freeze |
  sed -n 's/^openstack-placement==/openstack-placement /p' | tee "$folder/version"
