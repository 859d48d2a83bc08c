# -- how the calls are made; the calls themselves are at the end -----------------------------------------

for tool in curl jq od dd mkfifo; do
  command -v "$tool" >/dev/null 2>&1 || { echo "weave: this script needs $tool" >&2; exit 125; }
done
umask 077
dir=$(mktemp -d) || exit 125
cr=$(printf '\r')
left=   # containers to remove at the end, whatever happens
streams=  # process ids of calls that are under way
followers=  # those of them that are about the user's container
cidfile=  # a file to remove at the end
busy=   # set while a container is made whose id is not known yet
registry_auth=  # credentials for the next pull
late=   # a signal that came meanwhile
# For jq: a text with what can't be seen written out, as \x1b; line feeds and tabs stay.
visible='
  def hex($n): if $n == 0 then "" else (. / 16 | floor | hex($n - 1)) + "0123456789abcdef"[. % 16:. % 16 + 1] end;
  def code: if . == 13 then "\\r" elif . < 256 then "\\x" + hex(2) elif . < 65536 then "\\u" + hex(4) else "\\U" + hex(8) end;
  def visible: explode | map(. as $c | [$c] | implode
    | if $c != 9 and $c != 10 and $c != 32 and test("[\\p{C}\\p{Z}]") then $c | code else . end) | add // "";'

finish() {
  code=$?
  trap - EXIT
  trap '' INT TERM HUP
  # shellcheck disable=SC2086 # one word a process
  [ -z "$streams$followers" ] || kill $streams $followers 2>/dev/null
  release
  for id in $left; do
    docker_api --output "$dir/answer" --request DELETE "$url/v1.$api/containers/$id?$removal" 2>/dev/null
  done
  [ -z "$cidfile" ] || rm -f "$cidfile"
  rm -rf "$dir"
  exit "$code"
}

interrupted() {
  [ -z "$busy" ] || { late=$1; return 0; }
  trap '' INT TERM HUP
  echo 'weave: interrupted' >&2
  exit "$1"
}

trap finish EXIT
trap 'interrupted 130' INT
trap 'interrupted 143' TERM
trap 'interrupted 129' HUP

# fail CODE WORDS: end with one line on stderr.
fail() {
  printf 'weave: %s\n' "$2" >&2
  exit "$1"
}

# The daemon's own words about what it refused.
message() {
  { jq -er '.message | strings' "$dir/answer" 2>/dev/null || cat "$dir/answer"; } | one_line
}

# The text on stdin as one line, without what a terminal would act on.
one_line() {
  tr -s '[:space:]' ' ' | sed 's/ $//' | jq -Rrs "$visible"'visible'
}

unreachable() {
  fail 125 "can't reach $where: $(one_line <"$dir/why")"
}

# call METHOD TARGET [CURL OPTIONS]: make a call; $status is the answer's status, $dir/answer its body.
call() {
  method=$1 target=$2
  shift 2
  : >"$dir/answer"
  # In this subshell signals are ignored, so that no call is cut off half way.
  status=$(
    trap '' INT TERM HUP
    docker_api --output "$dir/answer" --write-out '%{http_code}' --request "$method" "$@" "$url$target" 2>"$dir/why"
  ) || unreachable
}

# accept STATUS...: go on if the answer had one of these.
accept() {
  for good; do
    [ "$status" != "$good" ] || return 0
  done
  fail 125 "$(message)"
}

# negotiate OLDEST NEWEST: let $api be the newest API version 1.$api that both sides speak.
negotiate() {
  docker_api --head "$url/_ping" >"$dir/answer" 2>"$dir/why" || unreachable
  api=$(tr -d '\r' <"$dir/answer" | sed -n 's/^[Aa][Pp][Ii]-[Vv]ersion: *1\.//p')
  case $api in
    '' | *[!0-9]*) fail 125 "$where answers, but not as a Docker daemon does (no Api-Version)" ;;
  esac
  [ "$api" -ge "$1" ] || fail 125 "$where speaks the Docker API up to 1.$api, and this script 1.$1 to 1.$2"
  [ "$api" -le "$2" ] || api=$2
}

# $id is the id of the container just made; it is part of paths, so it has to be one.
created() {
  id=$(jq -r '.Id | strings' "$dir/answer" 2>/dev/null)
  case $id in
    '' | *[!0-9a-zA-Z_.-]*) fail 125 "$where made a container and says no id of it" ;;
  esac
  left="$id $left"
}

# create TARGET BODY PULL BEFORE AFTER: make a container; $id is its id. On "no such image" `pull` it and try again.
# With neither PULL nor BEFORE the daemon's words are all that is said.
create() {
  busy=yes
  printf '%s' "$2" >"$dir/body"
  call POST "$1" --header 'Content-Type: application/json' --data-binary @"$dir/body"
  case $status:$(message) in
    404:*[Ii]mage*)
      [ -n "$3$4" ] || accept 201
      pull "$3" "$4" "$5"
      call POST "$1" --header 'Content-Type: application/json' --data-binary @"$dir/body"
      ;;
  esac
  accept 201
  created
  busy=
  [ -z "$late" ] || interrupted "$late"
}

# keep TARGET BODY: make a container that is to stay, and run it once. If its name is taken, another one may be making
# it: wait for up to a minute until it is there and has run.
keep() {
  printf '%s' "$2" >"$dir/body"
  tries=60
  while
    busy=yes taken=yes
    call POST "$1" --header 'Content-Type: application/json' --data-binary @"$dir/body"
    case $status:$(message) in
      500:*'name is already in use') ;; # so Podman says it
      *) accept 201 409 ;;
    esac
    if [ "$status" = 201 ]; then
      created
      call POST "/v1.$api/containers/$id/start"
      accept 204 304
      left=${left#"$id "} taken=
    fi
    busy=
    [ -z "$late" ] || interrupted "$late"
    [ -z "$taken" ] || call GET "/v1.$api/containers/${1##*name=}/json"
    [ -n "$taken" ] && [ "$(jq -r '.State.Status // "created"' "$dir/answer" 2>/dev/null)" = created ] \
      && [ "$tries" -gt 0 ]
  do
    tries=$((tries - 1))
    sleep 1
  done
}

# image NAME TARGET PULL BEFORE AFTER: look at an image; on "no such image" `pull` it and look again, as `create`. What
# is said of it is in $dir/NAME then.
image() {
  call GET "$2"
  if [ "$status" = 404 ] && [ -n "$3$4" ]; then
    pull "$3" "$4" "$5"
    call GET "$2"
  fi
  accept 200
  cp "$dir/answer" "$dir/$1"
}

# What the last answer says that an image or a machine runs on, as linux/amd64, or nothing.
runs_on() {
  jq -r '[.Os, .Architecture // .Arch] | map(strings | select(. != "")) | if length == 2 then join("/") else "" end' \
    "$dir/answer" 2>/dev/null | one_line
}

# image_id NAME: the first 12 digits of the id of an image that was looked at.
image_id() {
  jq -er '.Id | strings | ltrimstr("sha256:")[0:12] | select(test("^[0-9a-zA-Z_.-]+$"))' "$dir/$1" 2>/dev/null \
    || fail 125 "$where says no id of the image"
}

# filled NAME ENTRYPOINT COMMAND: put the words of an image where the body on stdin has these two.
filled() {
  jq -e --arg entrypoint "$2" --arg command "$3" --slurpfile image "$dir/$1" '
    ($image[0].Config.Entrypoint // [] | if . == [""] then [] else . end) as $program
    | ($image[0].Config.Cmd // []) as $words
    | def fill: map(if . == $entrypoint then $program[] elif . == $command then $words[] else . end);
      .Entrypoint |= fill | if .Cmd then .Cmd |= fill else . end
    | if .Cmd == [] then del(.Cmd) else . end
    | if .Entrypoint[0:2] == ["/w/w", "/w/w"] then .Entrypoint |= .[1:] else . end
    | if (.Entrypoint + (.Cmd // []) | length) < 2 then error("no command") else . end' 2>/dev/null
}

# reserve PATH NAME: make a file for the container's id.
reserve() {
  (umask 022 && set -C && : >"$1") 2>/dev/null || {
    [ ! -e "$1" ] || fail 125 "container ID file $2 found; remove it, unless its container is still there"
    fail 125 "can't create the container ID file $2"
  }
  cidfile=$1
}

# What the daemon found strange about the container just made.
warnings() {
  jq -r "$visible"'.Warnings[]? | strings | "WARNING: " + . | visible' "$dir/answer" >&2
}

# Why a stream of progress failed, or nothing.
trouble() {
  jq -r 'select(.errorDetail or .error) | .errorDetail.message // .error' "$dir/answer" 2>/dev/null | one_line
}

# pull TARGET BEFORE AFTER: let the daemon pull an image; the other two are what to say around the reason if not.
# Without a TARGET nothing is pulled, and BEFORE is why.
pull() {
  [ -n "$1" ] || fail 125 "$2"
  if [ -n "$registry_auth" ]; then
    # From a file: what stands on a command line, every user of this machine can read.
    printf 'X-Registry-Auth: %s\n' "$registry_auth" >"$dir/auth"
    call POST "$1" --header @"$dir/auth"
  else
    call POST "$1"
  fi
  reason=$(if [ "$status" = 200 ]; then trouble; else message; fi)
  [ -z "$reason" ] || fail 125 "$2$reason$3"
}

# load TARGET FILE: send an image's archive.
load() {
  call POST "$1" --header 'Content-Type: application/x-tar' --header 'Expect:' --upload-file "$2"
  accept 200
  reason=$(trouble)
  [ -z "$reason" ] || fail 125 "$reason"
}

# stream NAME TARGET [METHOD]: make a call whose answer goes on for long; head and body arrive in the named pipe $dir/NAME. curl
# runs in the background. (`--include` would keep the head back until there is a body.)
stream() {
  rm -f "$dir/$1"
  mkfifo "$dir/$1"
  exec=exec
  docker_api --no-buffer --dump-header - --request "${3:-POST}" "$url$2" >"$dir/$1" 2>"$dir/why" &
  exec=
  running=$!
  streams="$streams $running"
}

# Read the head of an answer from stdin; $status is its status.
read_head() {
  IFS= read -r line || { wait "$running"; unreachable; }
  status=${line#* }
  status=${status%% *}
  while IFS= read -r line && [ "$line" != "$cr" ]; do :; done
}

# fetch TARGET: let a daemon write an image's archive, on descriptor 5.
fetch() {
  stream archive "$1" GET
  exec 5<"$dir/archive"
  read_head <&5
  [ "$status" = 200 ] || { cat <&5 >"$dir/answer"; accept 200; }
  fetched_from=$where
}

# pass_on TARGET: send that archive on, as it comes; $loaded is the name of the image that came of it.
pass_on() {
  call POST "$1" --header 'Content-Type: application/x-tar' --header 'Expect:' --upload-file - <&5
  exec 5<&-
  accept 200
  wait "$running" || fail 125 "$fetched_from closed the connection in the middle of its answer to GET /images/get"
  streams=
  reason=$(trouble)
  [ -z "$reason" ] || fail 125 "$reason"
  loaded=$(jq -r '.stream // empty' "$dir/answer" 2>/dev/null | sed -n 's/^Loaded image: *//p' | head -n 1)
}

# path_of NAME: the name of an image as it stands in a path.
path_of() {
  jq -rn --arg name "$1" '$name | @uri | gsub("%2F"; "/") | gsub("%3A"; ":") | gsub("%40"; "@")'
}

# attach TARGET: listen to a container, on descriptor 3.
attach() {
  stream output "$1"
  exec 3<"$dir/output"
  read_head <&3
  [ "$status" = 200 ] || { cat <&3 >"$dir/answer"; accept 200; }
}

# await TARGET: ask for a container's exit code, on descriptor 4.
await() {
  stream exit "$1"
  exec 4<"$dir/exit"
  read_head <&4
  [ "$status" = 200 ] || { cat <&4 >"$dir/answer"; accept 200; }
}

# follow TARGET ID: listen to the user's container, on descriptor 5.
follow() {
  mine=$2
  stream followed "$1"
  followers="$followers $running"
  exec 5<"$dir/followed"
  read_head <&5
  [ "$status" = 200 ] || { cat <&5 >"$dir/answer"; accept 200; }
}

# follow_exit TARGET: ask for the exit code of the user's container, on descriptor 6.
follow_exit() {
  stream ending "$1"
  followers="$followers $running"
  exec 6<"$dir/ending"
  read_head <&6
  [ "$status" = 200 ] || { cat <&6 >"$dir/answer"; accept 200; }
}

# start TARGET: start a container.
start() {
  call POST "$1"
  accept 204 304
}

# Take the container's output apart: frames of a byte for the stream, three zeros, four bytes for the length, and
# as many bytes of output. Byte by byte is slow and never reads too far.
demultiplex() {
  while :; do
    # shellcheck disable=SC2046 # eight words are wanted
    set -- $(dd bs=1 count=8 2>/dev/null | od -An -v -tu1)
    [ $# -gt 0 ] || return 0
    [ $# -eq 8 ] || fail 125 "the output stream was cut off, within a frame's header"
    size=$((($5 << 24) + ($6 << 16) + ($7 << 8) + $8))
    case $1.$2.$3.$4 in
      0.0.0.0 | 1.0.0.0) dd bs=1 count="$size" 2>/dev/null ;;
      2.0.0.0) dd bs=1 count="$size" >&2 2>/dev/null ;;
      3.0.0.0) fail 125 "the daemon broke off the output: $(dd bs=1 count="$size" 2>/dev/null | one_line)" ;;
      *) fail 125 'the output stream is not multiplexed' ;;
    esac
  done
}

# pass_output: hand on what the container writes until it ends; $result is its exit code.
pass_output() {
  # In the background, because only `wait` lets a signal through at once. It ends with the stream.
  (trap - EXIT && trap '' INT TERM HUP && demultiplex) <&3 &
  wait $! || exit 125
  cat <&4 >"$dir/answer"
  exec 3<&- 4<&-
  streams=
  result=$(jq -er .StatusCode "$dir/answer" 2>/dev/null) || fail 125 "the wait ended without an exit code: $(message)"
}

# ask_options: keep what the container writes, which are options of docker run, until it ends.
ask_options() {
  pass_output >"$dir/options" 2>"$dir/said"
}

# told_options BEFORE: say what was said beside; without an answer BEFORE it, and there are no options.
told_options() {
  if [ "$result" = 0 ]; then cat "$dir/said" >&2; else
    : >"$dir/options"
    sed "s/^\(weave: \)\{0,1\}/WARNING: $1: /" "$dir/said" >&2
  fi
}

# named NAME: let the body on stdin ask the name server that the options say, and have NAME in its domain.
named() {
  jq --rawfile options "$dir/options" --arg name "$1" '
    ([$options | scan("--(dns|dns-search)=([^ ]*)") | {(.[0]): .[1]}] | add // {}) as $given
    | ($given["dns-search"] // "" | rtrimstr(".")) as $domain
    | if ($given.dns // "") == "" or (.HostConfig.Dns // []) != [] then . else
        if $name == "" or $domain == "" or (.Hostname // "") != "" or ($name + "." + $domain | length) > 64 then .
        else .Hostname = $name + "." + $domain end
        | (.Hostname // "" | rtrimstr(".")) as $hostname
        | (if $domain == "" or ($hostname | contains(".") and (endswith("." + $domain) | not)) then "." else $domain + "." end) as $search
        | .HostConfig.Dns = [$given.dns]
        | if (.HostConfig.DnsSearch // []) == [] then .HostConfig.DnsSearch = [$search] else . end
      end'
}

# hold WORDS...: do something, and keep what it writes to stderr.
hold() {
  "$@" >/dev/null 2>>"$dir/held"
}

# Write what was kept.
release() {
  [ ! -s "$dir/held" ] || cat "$dir/held" >&2
  rm -f "$dir/held"
}

# not_joined TARGET ID WAITED: the executor failed, so the user's container goes, and its exit code is ours. If it
# WAITED and its program can't be run, that is the reason, and was said by the container.
not_joined() {
  remove "$1" "$2"
  cat <&6 >"$dir/answer"
  code=$(jq -r .StatusCode "$dir/answer" 2>/dev/null)
  case $3:$code in
    yes:12[567])
      said=$(
        { if [ -n "$terminal" ]; then cat; else demultiplex 2>&1; fi; } <&5 \
          | tr -d '\r' | sed -n 's/^weave: exec: /exec: /p' | tail -n 1 | jq -Rrs "$visible"'rtrimstr("\n") | visible'
      )
      [ -z "$said" ] || { rm -f "$dir/held"; fail "$code" "$said"; }
      ;;
  esac
  exit "$result"
}

# forward SIGNAL: hand a signal on to the user's container.
forward() {
  docker_api --output /dev/null --request POST "$url/v1.$api/containers/$mine/kill?signal=SIG$1" 2>/dev/null
}

# pass_followed: hand on what the user's container writes until it ends, and signals to it; its exit code is ours.
pass_followed() {
  trap 'forward INT' INT
  trap 'forward TERM' TERM
  trap 'forward HUP' HUP
  (trap - EXIT && trap '' INT TERM HUP && if [ -n "$terminal" ]; then cat; else demultiplex; fi) <&5 &
  passing=$!
  until wait "$passing"; do
    [ $? -gt 128 ] || exit 125 # else it was a signal that ended `wait`
  done
  cat <&6 >"$dir/answer"
  result=$(jq -er .StatusCode "$dir/answer" 2>/dev/null) || fail 125 "the wait ended without an exit code: $(message)"
  exit "$result"
}

# remove TARGET ID: remove a container; one that is gone is fine.
remove() {
  call DELETE "$1"
  case $status:$(message) in
    409:*already\ in\ progress*) ;; # it had AutoRemove, and has just ended
    *) accept 204 404 ;;
  esac
  # shellcheck disable=SC2086 # one word a container
  set -- "$2" $left
  gone=$1 left=
  shift
  for id; do
    [ "$id" = "$gone" ] || left="$left $id"
  done
}

# -- the calls -------------------------------------------------------------------------------------------

