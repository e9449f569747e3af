#!/usr/bin/env bash
# One study of docs/results.md: a CIFAR-10 ResNet of the outside assets (PARE_ASSETS) under methods and widths.
# Usage: bench/quantize/cifar10.sh OUT resnet20|resnet32|resnet56 [OPTION OF pare quantize]...
# Then: python3 bench/quantize/table.py OUT/study.json
set -eu
cd "$(dirname "$0")/../.."
out=$1 network=$2; shift 2
assets=${PARE_ASSETS:?PARE_ASSETS is not set}/vision
build/release/bin/pare quantize "$assets/${network}_cifar10.onnx" -q --batch 256 -o "$out" \
  --data "$assets/cifar10_jpeg_test.npz" --training "$assets/cifar10_jpeg_train10k.npz" \
  --mean .485,.456,.406 --std .229,.224,.225 "$@"
