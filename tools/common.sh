# shellcheck shell=bash
# common.sh - what the scripts in tools/ share. Sourced, after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # used by who sources this
# The one interpreter that Cloche builds against and runs: the distribution's, whatever PATH says.
python=/usr/bin/python3
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
# packages FILE…: the names in package lists, without comments.
packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@"; }
