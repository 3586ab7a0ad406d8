# The roomstream programs on Debian 12, started as roomstream-NAME: docker build -t roomstream .
# The package that is built in the first stage knows what the second one must install.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN apt-get update -q && scripts/package.sh

FROM debian:bookworm-slim
# hadolint ignore=DL3008  # the newest of a stable release is what is wanted
RUN --mount=type=bind,from=build,source=/src/build-package,target=/package \
    apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates /package/roomstream_*.deb \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /var/lib/roomstream --shell /usr/sbin/nologin roomstream \
    && install --directory --owner=roomstream --group=roomstream --mode=750 /var/lib/roomstream
# By number, so that Kubernetes sees that it is not root.
USER 10001:10001
# Each bridge makes a folder of its own there for its spool.
ENV STATE_DIRECTORY=/var/lib/roomstream
VOLUME /var/lib/roomstream
CMD ["roomstream-bridge", "--help"]
