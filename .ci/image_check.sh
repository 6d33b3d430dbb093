#!/usr/bin/env bash
# `make image-check`: the container image is built by its own Dockerfile, and is what it says: tried from inside.
# By Docker where its daemon answers. Else by buildah, which needs no daemon, on a base that debootstrap makes, since
# no registry of images may be there: every step of the Dockerfile is carried out all the same, in a clean root.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${WORK:-$(mktemp -d)}
tag=localhost/mailmove-check
cleanup() {
  if [ -z "${WORK:-}" ]; then
    rm -rf "$work"
  fi
}
trap cleanup EXIT

fail() { echo "image-check: $*" >&2; exit 1; }

if docker info > /dev/null 2>&1; then
  docker build -q -f deployments/scale/Dockerfile -t "$tag" . > /dev/null
  inside() { docker run --rm "$tag" "$@"; }
  config() { docker image inspect "$tag"; }
else
  for program in debootstrap buildah; do
    command -v "$program" > /dev/null || fail "neither Docker's daemon nor $program is here: apt-get install $program"
  done
  store=(buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs)
  if [ ! -e "$work/base/ready" ]; then
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/base" > "$work/debootstrap.log"
    # What this machine's own pip is told of certificates and indexes.
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$work/base/etc/pip.conf"
    touch "$work/base/ready"
  fi
  base=$("${store[@]}" from scratch)
  "${store[@]}" copy --quiet "$base" "$work/base" / > /dev/null
  "${store[@]}" commit --quiet "$base" localhost/mailmove-base > /dev/null
  "${store[@]}" build --isolation chroot --layers --format docker --build-arg BASE=localhost/mailmove-base \
    -f deployments/scale/Dockerfile -t "$tag" . > "$work/build.log" 2>&1 || { tail -40 "$work/build.log"; fail "it is not built"; }
  box=$("${store[@]}" from --pull-never "$tag")
  inside() { "${store[@]}" run --isolation chroot "$box" -- "$@"; }
  config() { "${store[@]}" inspect --type image "$tag"; }
fi

config > "$work/config.json"
python3 - "$work/config.json" << 'PY'
import json, sys
told = json.load(open(sys.argv[1]))  # a list from Docker, an object from buildah
config = told[0]["Config"] if isinstance(told, list) else told["Docker"]["config"]
assert config["User"] not in ("", "0", "root"), "it runs as root"
assert config["Healthcheck"]["Test"], "nobody asks whether it is well"
assert set(config["Volumes"]) == {"/results", "/var/lib/mailmove"}, config["Volumes"]
assert not [word for word in config["Env"] if "KEY" in word or "PASSWORD" in word], "a secret is in the image"
PY

[ "$(inside id -u)" != 0 ] || fail "it runs as root"
inside mailmove --help > /dev/null || fail "mailmove does not start"
inside sh -c 'touch /results/x /var/lib/mailmove/x' || fail "the volumes' folders cannot be written to"
if inside sh -c 'touch /opt/mailmove/x' 2> /dev/null; then fail "it can change its own program"; fi
for module in pip setuptools pytest mypy moto impacket hypothesis playwright; do
  if inside python -c "import $module" 2> /dev/null; then fail "$module is in the image"; fi
done
if inside python -m deployments.server.healthy 2> /dev/null; then fail "nothing runs, and it says that all is well"; fi
inside python -c 'import prefect_redis, prefect_docker, prefect_kubernetes, asyncpg' || fail "a work pool's package is missing"
# The health check, by what it is for: a server that answers.
inside sh -c '
  export MAILMOVE_HEALTH_URL=http://127.0.0.1:42007/api/health
  prefect server start --host 127.0.0.1 --port 42007 > /results/log 2>&1 & server=$!
  for try in $(seq 120); do python -m deployments.server.healthy 2> /dev/null && break; sleep 2; done
  python -m deployments.server.healthy; status=$?
  kill $server; wait $server 2> /dev/null; exit $status' || fail "a server that runs is called ill"
echo "image-check: built and tried; $(inside sh -c 'du -sm /opt/mailmove | cut -f1') MB of Mailmove and what it needs"
