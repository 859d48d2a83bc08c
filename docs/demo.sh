#!/bin/bash
# demo.sh: the main job, for real: two Docker hosts, one network, set up by plain API calls.
# Every line behind a $ is a command that you could type yourself. `make demo` runs it.
# `docs/demo.sh --dry-run` only shows the API calls; so does the demo where there can be no Docker hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
work=build/demo
# A sandbox of the demo's own: another one on this machine is left alone.
name=${DEMO_NAME:-demo}
state=/var/lib/weave-$name
subnet=${DEMO_SUBNET:-10.98.0.0/16}
mkdir -p "$work"

say() { printf '\n== %s\n' "$*"; }
show() { # show HOST COMMAND…: print the command as it would be typed, then run it against that host
    local host=$1
    shift
    printf '\n%s$ %s\n' "$host" "$*"
    (eval "$(weave sandbox env --state $state "$host")" && "$@")
}

# -- where there can be no Docker hosts: the same way, without sending anything -------------------------------
walk() { # walk [REASON]
    printf 'Nothing ran: the API calls are only shown.%s\n' "${1:+ What the real thing needs: ${1#weave: }}"
    unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTEXT
    local step
    for step in 'host1 setup' 'host1 launch' 'host2 setup' 'host2 launch 10.98.0.11' \
        'host1 run 10.2.1.1/24 --name c1 weave-guest sleep 3600' 'host1 dns-add c1 -h c1.weave.local' \
        'host2 run --with-dns 10.2.1.2/24 --name c2 weave-guest sleep 3600' \
        'host1 ps' 'host1 status' 'host1 expose 10.2.1.254/24' 'host1 detach 10.2.1.1/24 c1' 'host1 reset' \
        'host2 reset'; do
        printf '\n%s$ weave %s\n' "${step%% *}" "${step#* }"
        # shellcheck disable=SC2086 # the words of a step are meant to be split
        DOCKER_HOST=tcp://${step%% *}:2375 weave --dry-run ${step#* }
    done
    printf '\nNothing ran: each line above is a call that weave would have made to the Docker host before it.\n'
    [ -z "$1" ] || printf 'demo.sh: nothing ran: %s\n' "${1#weave: }" >&2
    exit 0
}
fail() { # fail REASON: say why, and how to see the calls all the same
    printf '%s\n' "$1; docs/demo.sh --dry-run shows the API calls without hosts" >&2
    exit 1
}
[ "${1:-}" != --dry-run ] || walk "$(weave sandbox check 2>&1 || true)"
lack=$(weave sandbox check 2>&1) || walk "$lack"

inside() { # inside HOST CONTAINER COMMAND…: look from inside a container
    local host=$1 container=$2
    shift 2
    printf '\n%s/%s$ %s\n' "$host" "$container" "$*"
    weave sandbox exec --state $state "$host" -- docker exec "$container" "$@"
}
if [ -e $state ]; then
    fail "another demo runs, or one was killed: weave sandbox down --state $state"
fi
cleanup() {
    say "Clean up: the hosts, their engines and everything on them"
    weave sandbox down --state $state
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say "1. Two Docker hosts on this machine, joined by nothing but a LAN"
echo "$ weave sandbox up --hosts 2 --state $state \\"
echo "      --name $name --subnet $subnet"
weave sandbox up --hosts 2 --state $state --name "$name" --subnet "$subnet" 2>"$work/up.log" ||
    fail "$(tail -n 1 "$work/up.log")"

say "2. The image that does the work on a host, and a tiny one for containers"
echo '$ weave image build -o weave.tar'
weave image build -o "$work/weave.tar" >/dev/null
weave image build --guest -o "$work/guest.tar" >/dev/null
show host1 weave setup --from "$work/weave.tar"
show host2 weave setup --from "$work/weave.tar"
show host1 weave setup --from "$work/guest.tar"
show host2 weave setup --from "$work/guest.tar"

say "3. A router on each; --trace shows the API calls, which are all there is"
address=$(weave sandbox list --state $state | awk '$1 == "host1" { sub("tcp://", "", $2); sub(":.*", "", $2); print $2 }')
show host1 weave --trace launch
show host2 weave --trace launch "$address"

say "4. A container on each, on the network 10.2.1.0/24"
show host1 weave --trace run 10.2.1.1/24 --name c1 weave-guest sleep 3600
show host1 weave dns-add c1 -h c1.weave.local
show host2 weave run --with-dns 10.2.1.2/24 --name c2 weave-guest sleep 3600

say "5. They reach each other, also by name"
inside host1 c1 ping -c 3 10.2.1.2
inside host2 c2 ping -c 3 10.2.1.1
inside host2 c2 nslookup c1.weave.local

say "6. They move 100 MB over TCP; c2 answers with the checksum of what arrived"
inside host2 c2 nc -l -p 5000 -e sha256sum &
sleep 1
inside host1 c1 dd if=/dev/urandom of=/tmp/data bs=1M count=100
inside host1 c1 sha256sum /tmp/data
inside host1 c1 sh -c "nc 10.2.1.2 5000 </tmp/data"
wait

say "7. What Weave says of it"
show host1 weave ps
show host2 weave ps
show host1 weave status
show host2 weave status connections

say "8. The host itself joins, and reaches the container of the other host"
show host1 weave expose 10.2.1.254/24
printf '\nhost1$ ping -c 1 10.2.1.2\n'
weave sandbox exec --state $state host1 -- ping -c 1 10.2.1.2

say "9. Take a container off again, and Weave off the hosts"
show host1 weave detach 10.2.1.1/24 c1
show host1 weave reset
show host2 weave reset
