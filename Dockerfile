# One image a service: docker build --build-arg SERVICE=gateway --tag sfumato/gateway .
# SERVICE is gateway, accountant, executor, executor-library (with the libraries of its engines) or notebook. Locked by uv.lock, based on one pinned image.
ARG PYTHON=docker.io/library/python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c

FROM ${PYTHON} AS build
ARG SERVICE
WORKDIR /src
COPY . .
RUN scripts/install_service.sh "$SERVICE" /opt/sfumato

FROM ${PYTHON}
ARG SERVICE
LABEL org.opencontainers.image.title="sfumato-${SERVICE}"
RUN groupadd --gid 10001 sfumato && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin sfumato
COPY --from=build /opt/sfumato /opt/sfumato
ENV PATH=/opt/sfumato/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
