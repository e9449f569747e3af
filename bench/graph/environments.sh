# Installs the peers of graph aggregation below .deps, in two environments: bench_pyg (PyTorch of today, PyTorch Geometric,
# oneMKL; PyTorch and scipy are those of the environment `peers`) and bench_dgl (DGL 2.1, which runs with PyTorch 2.2.1 and no
# later one). Run it by bash; a second run does nothing.
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/setup.sh"

need_peers
need_environment bench_pyg "--no-deps" torch-geometric==2.8.1 mkl==2026.2.0 \
  intel-openmp==2026.2.0 tbb==2023.2.0 requests==2.32.5 urllib3==2.5.0 certifi==2025.8.3 charset-normalizer==3.4.3 \
  aiohttp==3.12.15 psutil==7.0.0 xxhash==3.5.0 pyparsing==3.2.3
# what it takes from `peers`
for site in "$deps"/bench_pyg/lib/python3*/site-packages; do
  echo "$deps/peers/${site#"$deps"/bench_pyg/}" >"$site/peers.pth"
done

# PyTorch 2.2.1 on PyPI is built with CUDA and will not load without these; no GPU is used.
need_environment bench_dgl "--no-deps" dgl==2.1.0 torch==2.2.1 torchdata==0.7.1 "numpy==1.26.4" scipy==1.11.4 \
  nvidia-cublas-cu12==12.1.3.1 nvidia-cuda-cupti-cu12==12.1.105 nvidia-cuda-nvrtc-cu12==12.1.105 \
  nvidia-cuda-runtime-cu12==12.1.105 nvidia-cudnn-cu12==8.9.2.26 nvidia-cufft-cu12==11.0.2.54 \
  nvidia-curand-cu12==10.3.2.106 nvidia-cusparse-cu12==12.1.0.106 nvidia-nccl-cu12==2.19.3 nvidia-nvtx-cu12==12.1.105 \
  nvidia-nvjitlink-cu12==12.1.105 nvidia-cusolver-cu12==11.4.5.107 \
  filelock==3.16.1 typing-extensions==4.12.2 sympy==1.13.3 mpmath==1.3.0 networkx==3.3 jinja2==3.1.4 markupsafe==3.0.2 fsspec==2024.9.0 \
  requests==2.32.3 urllib3==2.2.3 idna==3.10 certifi==2024.8.30 charset-normalizer==3.4.0 psutil==6.1.0 tqdm==4.67.0 \
  pandas==2.2.3 python-dateutil==2.9.0.post0 pytz==2024.2 six==1.16.0 tzdata==2024.2 pyyaml==6.0.2 \
  pydantic==2.9.2 pydantic-core==2.23.4 annotated-types==0.7.0

# PyTorch Geometric's SparseTensor has no wheel on PyPI; compiling it takes half an hour on two cores. peers.py uses it where it
# is there.
if [ "${1:-}" = --sparse-tensor ] && ! "$deps/bench_pyg/bin/python" -c 'import torch_sparse' 2>/dev/null; then
  say "compiling torch_scatter and torch_sparse"
  "$deps/bench_pyg/bin/pip" install -q --no-deps wheel==0.45.1
  FORCE_CUDA=0 "$deps/bench_pyg/bin/pip" install -q --no-deps --no-build-isolation torch_scatter==2.1.2 torch_sparse==0.6.18
fi
