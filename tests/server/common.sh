# What server-up and server-down share.
# shellcheck shell=bash

say() { echo "${0##*/}: $*"; }
fail() {
    say "$*" >&2
    exit 1
}

use_folder() { # FOLDER: sets folder, database (PostgreSQL's own, its socket within) and pid_file
    [ -n "${1:-}" ] || fail "give a folder, for data, artifacts and logs: $0 FOLDER"
    folder=$(realpath -m -- "$1")
    database=$folder/database
    pid_file=$folder/mlflow.pid
    # A socket's path holds 107 characters.
    [ ${#database} -le 90 ] || fail "folder $folder: too long for the name of a socket below it"
    [[ $folder =~ ^[A-Za-z0-9_./-]+$ ]] || fail "folder $folder: only letters, digits and _ . / - can stand in the settings"
}

find_postgres() { # sets bin: Debian keeps the server's programs off the PATH, one folder a version
    local initdb
    initdb=$(command -v initdb || find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -n 1)
    bin=$(dirname "$(readlink -f "${initdb:-none}")")
    [ -x "$bin/initdb" ] || fail "PostgreSQL is not installed. Try: apt-get install --no-install-recommends postgresql"
}

as_database() { # COMMAND...: PostgreSQL refuses to run as root
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

database_runs() { as_database "$bin/pg_ctl" status --pgdata="$database" >/dev/null 2>&1; }

server_pid() { # while it runs: a pid alone may be another program's by now
    local pid
    pid=$(cat "$pid_file" 2>/dev/null) && grep -qs "mlflow" "/proc/$pid/cmdline" && echo "$pid"
}

wait_until() { # SECONDS COMMAND...: false if it was in vain
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}
