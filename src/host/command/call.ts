// The part of the host's command that passes one on to the container.

/**
 * `podman exec` forwards no signal: it ends at one, and the command in the container goes on. So it runs in a session of its own, where none
 * reaches it, and the signal goes to the processes of the call, known by PSI_CALL in their environment. One that comes before these run is tried
 * again.
 */
export const CALL = `call() {
  serves || down
  { command exec 3<&0; } 2>/dev/null || exec 3</dev/null
  called= status=127 signalled=1
  for signal in INT TERM HUP; do trap "pass_on $signal" "$signal"; done
  $(command -v setsid) $(ended_with_us) podman exec -i $terminal -e PSI_CALL=$$ psi psi "$@" <&3 3<&- &
  called=$!
  while [ -n "$signalled" ]; do
    signalled=
    wait "$called"
    # 127: an earlier turn had it.
    waited=$?
    [ "$waited" = 127 ] || status=$waited
  done
  [ "$status" -lt 125 ] || serves || down
  exit "$status"
}

# Killed, this passes nothing on: then Podman is ended, and psi sees in its container that its caller has gone.
ended_with_us() { setpriv --pdeathsig TERM true 2>/dev/null && echo setpriv --pdeathsig TERM; }

pass_on() {
  signalled=1
  for try in 1 2 3; do
    podman exec psi sh -c 'kill -"$1" $(grep -lz "^PSI_CALL=$2\\$" /proc/[0-9]*/environ | cut -d/ -f3)' sh "$1" $$ >/dev/null 2>&1 && return
    kill -0 "$called" 2>/dev/null || return
    sleep 1
  done
  kill -TERM "$called"
}

serves() {
  [ "$(systemd is-active psi.service)" = active ] ||
    [ "$(podman container inspect --format '{{.State.Running}}' psi 2>/dev/null)" = true ]
}

down() {
  state=$(systemd show --property=LoadState --value psi.service)
  [ "$state" != loaded ] || state=$(systemd is-active psi.service)
  reason=
  [ ! -f "\${socket%/*}/start-failed" ] || read -r reason <"\${socket%/*}/start-failed"
  last=$(journalctl $user --quiet --no-pager --output=cat --lines=1 "_SYSTEMD\${user:+_USER}_UNIT=psi.service" 2>/dev/null)
  [ -z "$last" ] || printf 'the last line of its journal: %s\\n' "$last" >&2
  [ -z "$reason" ] || printf '%s\\n' "$reason" >&2
  image=$(image)
  case $state in
    not-found) hint='psi systemd install --enable' ;;
    masked) hint="systemctl\${user:+ $user} unmask psi.service" ;;
    *)
      hint="systemctl\${user:+ $user} start psi.socket psi.service"
      [ "$state" = inactive ] || hint="journalctl\${user:+ $user} -u psi.service"
      [ -z "$image" ] || podman image exists "$image" || hint="the image is not here: podman pull $image (or podman build -t $image .)"
      ;;
  esac
  fail 69 "psi does not run: psi.service is $state" "$hint"
}

# Of psi.container; nothing where there is none.
image() {
  [ ! -f "$quadlets/psi.container" ] || while read -r line; do
    case $line in Image=*) printf '%s\\n' "\${line#Image=}" ;; esac
  done <"$quadlets/psi.container"
}

whole_host() {
  image=$(image)
  if [ -n "$image" ] && podman image exists "$image"; then
    own_container "$image" "$@"
    status=$?
    # From 125 on it is Podman that could not.
    if [ "$1" != uninstall ] || [ "$status" -lt 125 ]; then exit "$status"; fi
  fi
  [ "$1" = uninstall ] || fail 69 "there is no image of psi on this host\${image:+: $image}" \\
    'bring it here, then run podman run … install as the README has it'
  printf 'note: the image of psi is not here: uninstalled without it\\n' >&2
  shift
  uninstall "$@"
}
`;
