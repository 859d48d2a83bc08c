#!/bin/bash
# demo.sh: the main job, for real: two Docker hosts, one network, set up by plain API calls.
# Every line behind a $ is a command that you could type yourself. `make demo` runs it.
# `docs/demo.sh --dry-run` only shows the API calls; so does the demo where there can be no Docker hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
work=build/demo
# A sandbox of the demo's own, called after this checkout, on a LAN of its own: another one on this machine, also that
# of another checkout's demo, is left alone.
id=$(printf %s "$PWD" | cksum | cut -d ' ' -f 1)
name=${DEMO_NAME:-demo-$(printf %05x $((id % 1048576)))}
state=/var/lib/weave-$name
subnet=${DEMO_SUBNET:-10.$((100 + id % 28)).$((id / 28 % 16 * 16)).0/20}
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
    for step in 'both up host1=tcp://host1:2375 host2=tcp://host2:2375' \
        'host1 run --name c1 weave-guest sleep 3600' \
        'host2 run --name c2 weave-guest sleep 3600' \
        'host1 ps' 'host1 status' 'host1 expose' 'host1 detach c1' \
        'both down --reset host1=tcp://host1:2375 host2=tcp://host2:2375'; do
        printf '\n%s$ weave %s\n' "${step%% *}" "${step#* }"
        # shellcheck disable=SC2086 # the words of a step are meant to be split
        DOCKER_HOST=tcp://${step%% *}:2375 weave --dry-run ${step#* } 2>&1
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

endpoint() { weave sandbox list --state $state | awk -v host="$1" '$1 == host { print host "=" $2 }'; }
both=("$(endpoint host1)" "$(endpoint host2)")
eval "$(weave sandbox env --state $state host1)" # the sandbox's certificates are for all of its hosts
fleet() { # fleet COMMAND…: print a command that names its hosts, then run it
    printf '\n$ %s\n' "$*"
    "$@"
}

say "2. One network of them; --trace shows the API calls, which are all there is"
fleet weave --trace up "${both[@]}"

say "3. A container on each"
weave image build --guest -o "$work/guest.tar" >/dev/null
show host1 weave setup --from "$work/guest.tar"
show host2 weave setup --from "$work/guest.tar"
show host1 weave --trace run --name c1 weave-guest sleep 3600
show host2 weave --trace run --name c2 weave-guest sleep 3600

say "4. They have free addresses, and reach each other by name"
inside host1 c1 ping -c 3 c2
inside host2 c2 ping -c 3 c1
inside host2 c2 nslookup c1.weave.local

say "5. They move 100 MB over TCP; c2 answers with the checksum of what arrived"
inside host2 c2 nc -l -p 5000 -e sha256sum &
sleep 1
inside host1 c1 dd if=/dev/urandom of=/tmp/data bs=1M count=100
inside host1 c1 sha256sum /tmp/data
inside host1 c1 sh -c "nc c2 5000 </tmp/data"
wait

say "6. What Weave says of it"
show host1 weave ps
show host2 weave ps
show host1 weave status
show host2 weave status connections

say "7. The host itself joins, and reaches the container of the other host"
show host1 weave expose
show host1 weave dns-lookup c2.weave.local
address=$(weave dns-lookup c2.weave.local)
printf '\nhost1$ ping -c 1 %s\n' "$address"
weave sandbox exec --state $state host1 -- ping -c 1 "$address"

say "8. Take a container off again, and Weave off the hosts"
show host1 weave detach c1
fleet weave down --reset "${both[@]}"
