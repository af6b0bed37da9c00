#!/usr/bin/env bash
# Fills the days of one month from the sources of the warehouse: every dataset that has one, unless --dataset names some.
#   scripts/backfill_month.sh 2024-01
#   scripts/backfill_month.sh 2024-01 --dataset measure --force
# Further words go to `dwh backfill run`. Where nobody can be asked it does not ask.
set -euo pipefail

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
  echo "usage: ${0##*/} MONTH [flags of dwh backfill run], such as ${0##*/} 2024-01" >&2
  exit 2
fi
month=$1
shift

[[ " $* " == *' --dataset'* || " $* " == *' --all '* ]] || set -- --all "$@"
[ -t 0 ] || set -- --yes "$@"
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# The project's own Node.js, whichever started this.
PATH="$root/node_modules/.bin:$PATH"
exec node "$root/bin/dwh.js" backfill run --month "$month" "$@"
