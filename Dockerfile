# The image that compiled pipelines name: Debian 13, the current stack, and this project.
# `make image` builds it; VARIANT=cuda adds the CUDA libraries that TensorFlow asks for (the
# driver comes from the host, through NVIDIA's container toolkit).
ARG DEBIAN=debian:trixie-slim

FROM ${DEBIAN} AS build
ARG VARIANT=cpu
ARG UV_VERSION=0.13.8
# g++ and Python's headers: pyfarmhash, which TFX needs, has no wheel.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates g++ python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==${UV_VERSION}
ENV UV_NO_CACHE=1 UV_PYTHON=/opt/rondo/bin/python
RUN /opt/uv/bin/uv venv --python /usr/bin/python3 /opt/rondo
WORKDIR /src
COPY requirements/ requirements/
RUN /opt/uv/bin/uv pip sync requirements/current.txt
RUN case "${VARIANT}" in \
      cpu) ;; \
      cuda) /opt/uv/bin/uv pip install --constraint requirements/current.txt "tensorflow[and-cuda]" ;; \
      *) echo "VARIANT is ${VARIANT}; it is cpu or cuda" >&2; exit 1 ;; \
    esac
COPY setup.py pyproject.toml README.md ./
COPY components/ components/
COPY models/ models/
COPY pipeline/ pipeline/
COPY serving/ serving/
RUN /opt/uv/bin/uv pip install --no-deps --no-build-isolation .

FROM ${DEBIAN}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 rondo
COPY --from=build /opt/rondo /opt/rondo
# First on the path: compiled pipelines start `python -m tfx...`.
ENV PATH=/opt/rondo/bin:$PATH \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# By number, so that a cluster that refuses root can tell.
USER 1000
WORKDIR /home/rondo
# No entry point: a pipeline's nodes bring their own command.
CMD ["rondo", "--help"]
