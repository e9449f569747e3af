# Installs what pare is built from; sourced by ./quickstart and ./test. Every step looks first and does nothing when done.
# Everything outside Debian's packages goes below .deps (PARE_DEPS elsewhere).

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
deps=${PARE_DEPS:-$PWD/.deps}
mkdir -p "$deps"

torch_version=2.15.0
cuda_wheels_version=13.2.86
cusparse_version=12.7.10.12
onnx_version=1.23.2
onnxruntime_version=1.32.0
torchvision_version=0.29.2
onnxscript_version=0.7.2
transformers_version=5.23.0
tokenizers_version=0.23.3
scipy_version=1.16.3
highsbox_version=1.15.1

say() { printf '==> %s\n' "$*" >&2; }

# need_packages NAME...: Debian packages, installed where missing.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { say "these Debian packages are missing and need root: ${missing[*]}"; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$deps/apt.log" 2>&1 ||
    { tail -20 "$deps/apt.log" >&2; exit 1; }
}

# need_environment NAME OPTIONS WHEEL...: a virtual environment below .deps holding those wheels.
need_environment() {
  local name=$1 options=$2; shift 2
  local stamp=$deps/$name/.wheels
  [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return 0
  say "installing $* into .deps/$name"
  [ -x "$deps/$name/bin/python" ] || /usr/bin/python3 -m venv "$deps/$name"
  # shellcheck disable=SC2086
  "$deps/$name/bin/pip" install -q --disable-pip-version-check $options "$@"
  printf '%s' "$*" >"$stamp"
}

need_build_tools() {
  need_packages g++ cmake ninja-build ccache git ca-certificates pkg-config python3 python3-venv \
    libfmt-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libpng-dev libjpeg62-turbo-dev \
    zlib1g-dev protobuf-compiler libprotobuf-dev libhwy-dev libmetis-dev libutf8proc-dev libgloo-dev coinor-libcbc-dev
}

# The lean set: enough for C++ (import torch in Python needs the whole).
need_torch() {
  need_environment torch --no-deps torch==$torch_version \
    nvidia-cuda-runtime==$cuda_wheels_version nvidia-cuda-cupti==$cuda_wheels_version
}

# A CUDA compiler, the runtime to link, and cuSPARSE to compare with; no driver and no toolkit.
need_cuda() {
  need_environment cuda --no-deps nvidia-cuda-nvcc==$cuda_wheels_version nvidia-nvvm==$cuda_wheels_version \
    nvidia-cuda-crt==$cuda_wheels_version nvidia-cuda-cccl==$cuda_wheels_version \
    nvidia-cuda-runtime==$cuda_wheels_version nvidia-cusparse==$cusparse_version \
    nvidia-nvjitlink==$cuda_wheels_version
}

need_onnx_schema() {
  local proto=$deps/onnx/onnx-ml.proto
  [ "$(cat "$deps/onnx/.version" 2>/dev/null)" = $onnx_version ] && return 0
  say "taking the schema out of the onnx $onnx_version wheel"
  need_environment wheels "" pip
  local folder; folder=$(mktemp -d)
  "$deps/wheels/bin/pip" download -q --disable-pip-version-check --no-deps -d "$folder" onnx==$onnx_version
  mkdir -p "$deps/onnx"
  "$deps/wheels/bin/python" -m zipfile -e "$folder"/onnx-*.whl "$folder/onnx"
  cp "$folder/onnx/onnx/onnx-ml.proto" "$proto"
  rm -rf "$folder"
  printf %s $onnx_version >"$deps/onnx/.version"
}

# Python with onnxruntime, onnx, tokenizers and whole torch: independent checks and peers.
need_peers() {
  need_environment peers "" torch==$torch_version torchvision==$torchvision_version onnx==$onnx_version \
    onnxscript==$onnxscript_version onnxruntime==$onnxruntime_version \
    tokenizers==$tokenizers_version transformers==$transformers_version scipy==$scipy_version \
    highsbox==$highsbox_version numpy pillow
}

# build PRESET [--target "TARGET..."] [CMAKE OPTION...]: configures and builds build/PRESET.
build() {
  local preset=$1 target=all; shift
  if [ "${1:-}" = --target ]; then target=$2; shift 2; fi
  say "building ($preset)"
  cmake --preset "$preset" "$@" >"$deps/configure-$preset.log" 2>&1 || { tail -30 "$deps/configure-$preset.log" >&2; exit 1; }
  # shellcheck disable=SC2086
  cmake --build "build/$preset" --target $target
}
