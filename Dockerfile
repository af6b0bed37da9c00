# The program with the client tools of PostgreSQL, for any of its commands: docker build --tag dwh .

FROM node:24-slim AS build
WORKDIR /source
COPY . .
# Without the scripts of packages: the Node.js of this image serves, and nobody starts a PostgreSQL here.
RUN npm ci --ignore-scripts --no-audit --no-fund \
 && npm pack --pack-destination /tmp

FROM node:24-slim
# pg_dump has to be as new as the server, and that of Debian is older than PostgreSQL 17: hence PGDG.
ARG POSTGRESQL=17
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
 && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
 && apt-get install --yes --no-install-recommends "postgresql-client-$POSTGRESQL" \
 && rm -rf /var/lib/apt/lists/*

COPY --from=build /tmp/dwh-*.tgz /tmp/
RUN npm install --global --no-audit --no-fund /tmp/dwh-*.tgz \
 && rm /tmp/dwh-*.tgz \
 && npm cache clean --force

# Logs of runs and backups of warehouses that ship. Without a volume they go with the container.
ENV DWH_STATE_DIR=/var/lib/dwh
RUN install --directory --owner node --group node /var/lib/dwh /warehouse

USER node
# The place for a warehouse of your own: mount the folder of its dwh.yaml here.
WORKDIR /warehouse
ENTRYPOINT ["dwh"]
CMD ["--help"]
