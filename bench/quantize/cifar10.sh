#!/usr/bin/env bash
# The tables of docs/results.md: the CIFAR-10 ResNets under every method and width. PARE_ASSETS names the outside assets.
# Usage: bench/quantize/cifar10.sh OUT [NETWORK...]; takes about 10 minutes for ResNet-20 on 2 cores, 30 for ResNet-56.
set -eu
cd "$(dirname "$0")/../.."
out=$1; shift
[ $# -gt 0 ] || set -- resnet20 resnet32 resnet56
assets=${PARE_ASSETS:?PARE_ASSETS is not set}/vision
for network in "$@"; do
  quantize() {
    build/release/bin/pare quantize "$assets/${network}_cifar10.onnx" -q --batch 256 \
      --data "$assets/cifar10_jpeg_test.npz" --training "$assets/cifar10_jpeg_train10k.npz" \
      --mean .485,.456,.406 --std .229,.224,.225 "$@"
  }
  quantize --bits 4,3 --method int,float,pot,flint,ant-tensor,ant -o "$out/$network-low"
  quantize --bits 8,6 --method int,float,flint,ant-tensor,ant -o "$out/$network-high"
  quantize --bits 4,3 --method mixed -o "$out/$network-mixed"
done
/usr/bin/python3 bench/quantize/table.py "$out"/*/study.json
