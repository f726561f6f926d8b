# shellcheck shell=bash
# user.sh - programs as an ordinary user, with a range of ids from /etc/subuid or with one id for everything: for
# check-rootless, and for check-vm inside its machine. Sourced, after `set -euo pipefail`.

user=cloche-rootless
as_user=(env -i)

# user_make HOME: as root, that user, who owns HOME from then on; an ordinary user runs as who it is.
user_make() {
    [ "$(id -u)" -eq 0 ] || return 0
    mkdir -p "$1/tmp"
    # a number that nobody has on another host: some tests are a user of number 1000 without a range
    useradd --key UID_MIN=50000 --no-create-home --home-dir "$1" --shell /bin/bash "$user"
    chown -R "$user:" "$1"
    as_user=(setpriv --reuid "$user" --regid "$user" --init-groups env -i)
}

# user_run HOME subuid|one-id [VARIABLE=VALUE…] COMMAND…
user_run() {
    local home=$1 mode=$2 single=()
    shift 2
    case $mode in
    subuid) ;;
    one-id) single=(CLOCHE_SINGLE_UID=1) ;;
    *) return 2 ;;
    esac
    "${as_user[@]}" HOME="$home" TMPDIR="$home/tmp" PATH=/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
        CLOCHE_MUST_WORK=1 "${single[@]}" "$@"
}
