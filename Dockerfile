# syntax=docker/dockerfile:1
# One image for every role: args are those of waybill-server, such as ["run", "orders-api"] or ["migrate"].
# Bases are pinned by the digest of their multi-platform index. To take newer ones:
#   docker buildx imagetools inspect node:24.21.0-bookworm-slim
# and keep Node at the version that package.json has under devDependencies.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f

# Runs on the builder's own platform, whatever the image is for: nothing is emulated, and nothing is compiled.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
ARG TARGETARCH
WORKDIR /src
COPY . .
# Install scripts would fetch Node and PostgreSQL for this machine; the build needs neither.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
RUN node tools/build.ts --arch "$TARGETARCH" --out /dist

FROM scratch AS sbom
COPY --from=build /dist/sbom.cdx.json /

FROM ${NODE_IMAGE} AS node

# glibc and libstdc++, which Node and the Temporal SDK's library need: no shell, no package manager, no compiler.
FROM ${BASE_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Waybill" \
      org.opencontainers.image.description="An order-management platform that cannot lose an order." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.cyclonedx.sbom="/app/sbom.cdx.json"
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=build /dist /app
ENV NODE_ENV=production
# By number, so that Kubernetes can see that it is not root. Nothing is written: a read-only root file system will do.
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/local/bin/node", "/app/server.js"]
CMD ["--help"]
