# What slurm-up, slurm-down and the tests of faults share. Which settings work on one machine was found by trying:
# docs/cluster.md gives the reasons.
# shellcheck shell=bash
site_conf=/etc/slurm/slurm.conf # Slurm's default place: job steps drop SLURM_CONF, so the configuration must be found there
packages=(munge slurmctld slurmd slurm-client slurm-wlm-basic-plugins)
daemons=(munged slurmctld slurmd.n1 slurmd.n2) # in the order of their start
cpus=2
memory=4096 # MB; virtual like the CPUs, nothing enforces it
declare -A port=([controller]=26817 [n1]=27001 [n2]=27002)

say() { echo "${0##*/}: $*"; }
fail() {
    say "$*" >&2
    exit 1
}

use_folder() { # FOLDER or nothing: sets state, and makes Slurm's commands speak to this cluster
    state=${1:-${TMPDIR:-/tmp}/chapter6-slurm}
    state=$(realpath -m -- "$state")
    # A socket's path holds 107 characters; Slurm's own are longer than munge's by up to 30.
    [ ${#state} -le 70 ] || fail "folder $state: ${#state} characters, at most 70 fit before the names of sockets"
    [[ $state =~ ^[A-Za-z0-9_./-]+$ ]] || fail "folder $state: only letters, digits and _ . / - can stand in slurm.conf"
    export SLURM_CONF=$state/slurm.conf
}

needs_root() {
    [ "$(id -u)" = 0 ] || fail "needs root (slurmd starts jobs of any user, and $site_conf is a link to the toy's): sudo $0"
}

needs_packages() {
    local command missing=()
    for command in munged slurmctld slurmd sinfo; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    [ ${#missing[@]} = 0 ] || fail "not installed: ${missing[*]}. Try: apt-get install --no-install-recommends ${packages[*]}"
}

link_is_ours() { [ -L "$site_conf" ] && [ "$(readlink "$site_conf")" = "$state/slurm.conf" ]; }

refuse_other_clusters() {
    if [ -L "$site_conf" ] && ! link_is_ours; then
        local other
        other=$(dirname "$(readlink "$site_conf")")
        if grep -qs '^ClusterName=chapter6-toy$' "$site_conf"; then
            fail "another toy cluster is up, with its state in $other: stop it with slurm-down $other"
        fi
        fail "$site_conf is a link to $(readlink "$site_conf"), which is not the toy's: a real Slurm stays as it is"
    elif [ -e "$site_conf" ] && ! [ -L "$site_conf" ]; then
        fail "$site_conf exists and is not the toy's: a real Slurm stays as it is"
    fi
}

command_of() { # PID: the name of the program that it runs; nothing once it has ended, waited for or not
    grep -qs $'^State:\t[^ZX]' "/proc/$1/status" && cat "/proc/$1/comm"
}
pid_of() { # DAEMON: its pid while it runs
    local pid
    pid=$(cat "$state/$1.pid" 2>/dev/null) && [ "$(command_of "$pid")" = "${1%%.*}" ] && echo "$pid"
}
alive() { pid_of "$1" >/dev/null; }
any_alive() {
    local daemon
    for daemon in "${daemons[@]}"; do
        if alive "$daemon"; then return 0; fi
    done
    return 1
}

wait_until() { # SECONDS WHAT COMMAND...
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "gave up waiting until $what"
        sleep 0.1
    done
}

answers() { sinfo >/dev/null 2>&1; }
nodes_idle() { [ "$(sinfo --noheader --Node --format='%N %T' 2>/dev/null)" = $'n1 idle\nn2 idle' ]; }

write_key() {
    rm -f "$state/munge.key"
    (umask 377 && head -c 64 /dev/urandom >"$state/munge.key")
}

start() { # DAEMON
    case $1 in
        munged) # --force: the folder may be private; munged wants all to reach its socket
            munged --force --key-file="$state/munge.key" --socket="$state/munge.socket" --pid-file="$state/munged.pid" \
                --log-file="$state/log/munged.log" --seed-file="$state/munge.seed"
            ;;
        slurmctld) slurmctld -f "$state/slurm.conf" ;;
        slurmd.*) slurmd -f "$state/slurm.conf" -N "${1#slurmd.}" ;;
    esac
}

write_configuration() {
    local host
    host=$(hostname -s)
    cat >"$state/slurm.conf" <<CONF
ClusterName=chapter6-toy
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${port[controller]}
SlurmUser=root
AuthInfo=socket=$state/munge.socket,cred_expire=30
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd.%n.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
TaskPlugin=task/none
ProctrackType=proctrack/pgid
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
DefMemPerCPU=500
MinJobAge=300
KillWait=5
SlurmdTimeout=30
ReturnToService=2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=${port[n1]} CPUs=$cpus RealMemory=$memory
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=${port[n2]} CPUs=$cpus RealMemory=$memory
PartitionName=toy Nodes=n1,n2 Default=YES DefaultTime=10 MaxTime=120
CONF
}

show_logs() {
    local log
    for log in "$state"/log/*.log; do
        if [ -e "$log" ]; then echo "== $log" && tail -n 5 "$log"; fi
    done >&2
}

steps() { # pids of the job steps that run: slurmd starts them in the folder of its log, and they outlive it
    local process
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/cwd" 2>/dev/null)" = "$state/log" ] &&
            [ "$(command_of "${process#/proc/}")" = slurmstepd ]; then echo "${process#/proc/}"; fi
    done
}
no_steps() { [ -z "$(steps)" ]; }
gone() { [ -z "$(command_of "$1")" ]; }

stop_daemon() { # DAEMON
    local pid
    pid=$(pid_of "$1") || return 0
    kill -s TERM "$pid"
    # By its pid, as some remove their pid file first.
    (wait_until 10 "$1 has stopped" gone "$pid") || kill -s KILL "$pid"
}

stop_all() {
    local daemon step child
    if alive slurmctld; then
        squeue --noheader --format=%A | xargs -r scancel || say "could not cancel the jobs"
        (wait_until 15 "the jobs have ended" no_steps) || true
    fi
    for daemon in slurmd.n2 slurmd.n1 slurmctld munged; do
        stop_daemon "$daemon"
    done
    for step in $(steps); do # of a slurmd that was killed: nobody else ends its processes
        for child in $(pgrep --parent "$step"); do kill -s KILL -- "-$child" || true; done
        kill -s KILL "$step" || true
    done
    if link_is_ours; then rm "$site_conf"; fi
    rm -rf "${state:?}"/{controller,n1,n2,munge.*,munged.pid,slurmctld.pid,slurmd.n1.pid,slurmd.n2.pid,slurm.conf}
}
