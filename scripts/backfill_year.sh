#!/usr/bin/env bash
# Fills the days of one year from the sources of the warehouse: every dataset that has one, unless --dataset names some.
#   scripts/backfill_year.sh 2024
#   scripts/backfill_year.sh 2024 --dataset measure --force
# Further words go to `dwh backfill run`. Where nobody can be asked it does not ask.
set -euo pipefail

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
  echo "usage: ${0##*/} YEAR [flags of dwh backfill run], such as ${0##*/} 2024" >&2
  exit 2
fi
year=$1
shift

[[ " $* " == *' --dataset'* || " $* " == *' --all '* ]] || set -- --all "$@"
[ -t 0 ] || set -- --yes "$@"
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# The project's own Node.js, whichever started this.
PATH="$root/node_modules/.bin:$PATH"
exec node "$root/bin/dwh.js" backfill run --year "$year" "$@"
