// The part of the host's command that takes PSI from a host without its image: what src/host/uninstall.ts does, in the same order and the same
// words, with sh, podman and systemctl. Ended at any step and run again, it goes on where it was.

export const UNINSTALL = `uninstall() {
  keep= force= apply= count=0 left=
  for flag; do
    case $flag in
      --keep-state) keep=1 ;;
      --force) force=1 ;;
      --apply) apply=1 ;;
      *) fail 64 "unknown option $flag" 'psi uninstall [--keep-state] [--force] [--apply]' ;;
    esac
  done
  registered=$(registered_secrets) || fail 74 'podman does not show its secrets' 'podman secret ls'
  refuse_to_lose
  [ -n "$force" ] || refuse_while_used
  find_units
  remove_drop_ins
  apply stop_units
  remove_secrets
  remove_units
  remove_files
  [ -n "$keep" ] || remove_state
  remove_helper
  remove_command
  finish
}

# what target command…: says that it goes, or takes it away with that command.
take() {
  what=$1 target=$2
  shift 2
  count=$((count + 1))
  if [ -z "$apply" ]; then
    printf 'would remove %s %s\\n' "$what" "$target"
  else
    "$@" || give_up "$what $target is still there"
    printf 'removed %s %s\\n' "$what" "$target"
  fi
}

apply() { [ -z "$apply" ] || "$@"; }

give_up() { fail 1 "$1" 'run the same command again: it goes on where it was'; }

left() {
  left=1
  printf 'left: %s: %s\\nhint: %s\\n' "$1" "$2" "$3" >&2
}

remove_file() { if [ -e "$2" ] || [ -h "$2" ]; then take "$1" "$2" rm -f "$2"; fi; }

# What else is in it is not psi's: named, but in a folder that others share.
remove_folder() {
  [ -d "$1" ] || return 0
  if rmdir "$1" 2>/dev/null; then
    count=$((count + 1))
    printf 'removed folder %s\\n' "$1"
  elif [ -z "\${2-}" ]; then
    left "$1" "there is something in it that is not psi's to remove" "look at it with \\\`ls -la $1\\\`"
  fi
}

# Is it a file, and no link, whose first line starts like this?
starts() {
  [ -f "$1" ] && [ ! -h "$1" ] || return
  line=
  read -r line <"$1"
  case $line in "$2"*) ;; *) return 1 ;; esac
}

# Id and name of each secret with psi's commands in it, also those of the Python psi. Quoted by Podman, each stands in one line.
registered_secrets() {
  ids=$(podman secret ls --format '{{.ID}}') || return
  [ -n "$ids" ] || return 0
  shown=$(podman secret inspect --format '{{.ID}} {{.Spec.Driver.Name}} {{.Spec.Name}} {{printf "%q %q" (index .Spec.Driver.Options "lookup") (index .Spec.Driver.Options "store")}}' $ids) || return
  while read -r id driver name commands; do
    case $driver/$name in shell/?*--*) ;; *) continue ;; esac
    case $commands in
      *"'x-psi-command: "*"'x-psi-command: "*) ;;
      '"curl '*' --unix-socket '*'http://localhost/lookup/$'*'SECRET_ID'*'http://localhost/store/$'*'SECRET_ID'*) ;;
      *) continue ;;
    esac
    printf '%s %s\\n' "$id" "$name"
  done <<LINES
$shown
LINES
}

# What is nowhere but on this host, whatever somebody wishes.
refuse_to_lose() {
  lost=
  for file in "$state"/sealed/*; do
    [ -f "$file" ] || continue
    lost=1 name=\${file##*/} known=
    case $name in podman.*) known=$(podman secret inspect --format '; podman knows it as {{printf "%q" .Spec.Name}}' "\${name#podman.}" 2>/dev/null) || known= ;; esac
    left "$name" "this sealed secret is nowhere but on this host$known" \\
      "\\\`podman exec psi psi sealed export $name > FILE\\\` keeps its value, then \\\`podman exec psi psi sealed remove $name\\\`; then run this again"
  done
  for file in "$state"/*; do
    name=\${file##*/}
    case $name in *[!A-Za-z0-9_-]*) continue ;; esac
    [ -f "$file" ] || continue
    line=
    read -r line <"$file"
    case $line in
      *'"blob"'*)
        left "$name" 'its mapping holds the value itself, which is nowhere else' \\
          "\\\`podman secret inspect --showsecret $name\\\` shows the value, then \\\`podman secret rm $name\\\`; then run this again"
        ;;
      *'"format":'*)
        left "$name" 'a newer psi wrote its mapping, which may hold the value itself' \\
          "uninstall with that psi, or take the secret away: \\\`podman secret rm $name\\\`; then run this again"
        ;;
      *) continue ;;
    esac
    lost=1
  done
  [ -z "$lost" ] || exit 4
}

# A variable's secret stands in the command alone that made the container.
refuse_while_used() {
  [ -n "$registered" ] || return 0
  known=" $(echo $registered) " users=
  containers=$(podman ps --all --quiet) || fail 74 'podman does not show its containers' 'podman ps --all'
  [ -n "$containers" ] || return 0
  shown=$(podman container inspect --format '{{$n := .Name}}{{range .Config.Secrets}}{{printf "%s %q\\n%s %q\\n" $n .Name $n .ID}}{{end}}{{range .Config.CreateCommand}}{{printf "%s %q\\n" $n .}}{{end}}' $containers) ||
    fail 74 'podman does not show each container' 'run the same command again'
  while read -r container word; do
    word=\${word#\\"}
    word=\${word#--secret=}
    word=\${word%%[,\\"]*}
    case $known in *" \${word:-/} "*) ;; *) continue ;; esac
    case " $users " in *" $container "*) continue ;; esac
    users="$users $container"
    left "$container" 'this container names secrets of psi: its \`podman exec\` and its health checks would fail' \\
      "stop its unit, or remove it with \\\`podman rm -f $container\\\`, then run this again; or go on with \\\`--force\\\`"
  done <<LINES
$shown
LINES
  [ -z "$users" ] || exit 4
}

# Into $mine; what has such a name without being psi's is named.
find_units() {
  mine=
  for file in "$units"/psi[.@-]*socket "$units"/psi[.@-]*timer "$units"/psi[.@-]*service "$quadlets/psi.container" "$quadlets/pcscd.container"; do
    if starts "$file" '# Written by PSI (psi systemd install).'; then
      mine="$mine $file"
    elif [ -e "$file" ] || [ -h "$file" ]; then
      not_ours "$file"
    fi
  done
}

not_ours() {
  left "$1" 'it was not written by psi, or the first line that says so was changed' "look at it, then remove it yourself: \\\`rm $1\\\`"
}

remove_drop_ins() {
  for file in "$quadlets"/*.container.d/50-secrets.conf "$quadlets"/*.container.d/51-secrets-instance.conf "$quadlets"/*.container.d/49-secrets-prefix-*.conf; do
    folder=\${file%/*}
    starts "$file" '# Written by PSI ' && [ ! -h "$folder" ] || continue
    unit=\${folder##*/}
    take drop-in "\${unit%.d}" rm -f "$file"
    apply rmdir "$folder" 2>/dev/null
  done
}

# In the order of $mine, the socket first: while it is there, a lookup would start psi.service again.
stop_units() {
  systemd daemon-reload || give_up 'systemd does not read its units'
  last=
  for file in $mine; do
    unit=\${file##*/}
    case $unit in
      psi.container) last=psi.service ;;
      *@.service) stop_unit "\${unit%.service}*.service" ;;
      *.container) stop_unit "\${unit%.container}.service" ;;
      *) stop_unit "$unit" ;;
    esac
  done
  [ -z "$last" ] || stop_unit "$last"
}

# Some are not known to systemd: those do not run either.
stop_unit() {
  systemd stop "$1" 2>/dev/null
  systemd reset-failed "$1" 2>/dev/null
  ! systemd --quiet is-active "$1" || give_up "$1 still runs"
}

# Podman runs the delete command that it froze into each secret, which asks psi by curl: a curl that agrees stands in front of it.
remove_secrets() {
  stand_in=$runtime/.psi-uninstall
  apply mkdir -p -m 0700 "$stand_in"
  apply ln -sf "$self" "$stand_in/curl"
  while read -r id name; do
    [ -z "$id" ] || take secret "$name" let_go "$id" </dev/null
  done <<LINES
$registered
LINES
  apply rm -f "$stand_in/curl"
  apply rmdir "$stand_in"
}

let_go() {
  PATH=$stand_in:$PATH podman secret rm "$1" >/dev/null && rm -f "$state/$1"
}

# What enables them first: links in folders that systemctl makes for them.
remove_units() {
  folders=
  for link in "$units"/*.wants/* "$units"/*.requires/*; do
    [ -h "$link" ] || continue
    target=$(readlink "$link")
    case $target in ../*) target=$units/\${target#../} ;; esac
    case " $mine " in *" $target "*) ;; *) continue ;; esac
    folders="$folders \${link%/*}"
    take unit "$link" rm -f "$link"
  done
  for file in $mine; do take unit "$file" rm -f "$file"; done
  apply systemd daemon-reload
  for folder in $folders; do apply remove_folder "$folder" shared; done
}

remove_files() {
  if starts "$default_driver" '# Written by PSI (psi install --default-driver).'; then
    remove_file file "$default_driver"
  elif [ -e "$default_driver" ]; then
    not_ours "$default_driver"
  fi
  for file in "\${socket%/*}/start-failed" "\${socket%/*}/.start-failed" "\${socket%/*}/starts" "$socket" "$runtime/psi-mounts" \${figures:+"$figures" "\${figures%/*}/.\${figures##*/}."????????????.tmp}; do
    remove_file file "$file"
  done
  for folder in "\${socket%/*}" "$runtime/psi-absent" "$runtime/psi-credentials" "$runtime/containers/systemd"; do apply remove_folder "$folder" shared; done
  apply remove_folder "$config" shared
}

# Mappings are named by Podman's ids: letters, digits, dashes and underscores.
remove_state() {
  for file in "$state"/* "$state"/.[!.]* "$state"/tls/*.json "$state"/tls/.lock "$state"/tls/.*.????????????.tmp "$state"/sealed/.aside/*~* "$state"/sealed/.*.????????????.tmp \${cache:+"$cache"}; do
    [ -f "$file" ] || [ -h "$file" ] || continue
    case \${file##*/} in
      driver.hdr | config.last-good | names.json | reload.owed | replace.owed | setup.owed | cache.enc | cache.enc.bad | cache.enc.bad.[0-9]) ;;
      .token.????????????.json | hsm-key.????????????.pem | .*.????????????.tmp) ;;
      *[!A-Za-z0-9_-]*) case $file in "$state"/tls/* | "$state"/sealed/.aside/* | "$cache") ;; *) continue ;; esac ;;
    esac
    remove_file file "$file"
  done
  apply remove_folder "$state/tls"
  apply remove_folder "$state/sealed/.aside"
  apply remove_folder "$state/sealed"
  apply remove_folder "$state"
}

# An empty file was one before it was cut; a script or a text is none.
remove_helper() {
  if [ -f "$helper" ] && [ ! -h "$helper" ]; then
    line=
    read -r line <"$helper"
    case $line in ?ELF*) own=1 ;; *) own= ;; esac
    if [ -n "$own" ] || [ ! -s "$helper" ]; then remove_file file "$helper"; else not_ours "$helper"; fi
  elif [ -e "$helper" ] || [ -h "$helper" ]; then
    not_ours "$helper"
  fi
  folder=\${helper%/*} above=
  [ ! -f "$folder/.made-above" ] || above=\${folder%/*}
  for file in "$folder"/.psi-lookup.????????????.tmp "$folder/.made-above"; do remove_file file "$file"; done
  apply remove_folder "$folder" shared
  [ -z "$above" ] || apply remove_folder "$above" shared
}

# Last: what is ended before this is gone on with by the same command.
remove_command() {
  for file in $completions "$self"; do
    [ -f "$file" ] || continue
    { read -r line; read -r second; } <"$file"
    case $line$second in *'written by \`psi completion '* | *'Written by PSI (psi install).'*) remove_file file "$file" ;; esac
  done
  [ -z "$user" ] || apply remove_folder "\${self%/*}" shared
}

finish() {
  if [ "$count" = 0 ]; then
    printf 'nothing to remove\\n'
  elif [ -z "$apply" ]; then
    printf '%s to remove; do it: add \`--apply\`\\n' "$count"
    exit 3
  else
    printf '%s removed\\n' "$count"
    printf 'note: the config, its credentials, certificates and the image are yours and stay: see docs/uninstall.md\\n' >&2
  fi
  [ -z "$left" ] || exit 4
  exit 0
}
`;
