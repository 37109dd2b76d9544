#compdef psi
# zsh completion for psi, written by `psi completion zsh`.
_psi() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -s -C \
    '(--version -V)'{--version,-V}'[output the version number]' \
    '(--config -c)'{--config,-c}'[the config'\''s file\: $PSI \[yaml\]]:file:_files' \
    '(--help -h)'{--help,-h}'[display help for command]' \
    '1: :->command' \
    '*:: :->rest'
  case $state in
    command)
      local -a commands=(
        'get:one, it'\''s\: easy'
        'group:more'
      )
      _describe command commands ;;
    rest)
      case $line[1] in
        get) _psi_get ;;
        group) _psi_group ;;
      esac ;;
  esac
}
_psi_get() {
  _arguments -s \
    '--as[how]:value:(env mount)' \
    '--path[folder at the provider]:value: ' \
    '--all[all of them]' \
    '(--config -c)'{--config,-c}'[the config'\''s file\: $PSI \[yaml\]]:file:_files' \
    '(--help -h)'{--help,-h}'[display help for command]' \
    '*:file:_files'
}
_psi_group() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -s -C \
    '(--config -c)'{--config,-c}'[the config'\''s file\: $PSI \[yaml\]]:file:_files' \
    '(--help -h)'{--help,-h}'[display help for command]' \
    '1: :->command' \
    '*:: :->rest'
  case $state in
    command)
      local -a commands=(
        'pick-one:inside'
        'name:'
      )
      _describe command commands ;;
    rest)
      case $line[1] in
        pick-one) _psi_group_pick_one ;;
        name) _psi_group_name ;;
      esac ;;
  esac
}
_psi_group_pick_one() {
  _arguments -s \
    '(--config -c)'{--config,-c}'[the config'\''s file\: $PSI \[yaml\]]:file:_files' \
    '(--help -h)'{--help,-h}'[display help for command]' \
    '*:argument:(a b)'
}
_psi_group_name() {
  _arguments -s \
    '(--config -c)'{--config,-c}'[the config'\''s file\: $PSI \[yaml\]]:file:_files' \
    '(--help -h)'{--help,-h}'[display help for command]' \
    '*:argument: '
}
# Found as a file in $fpath it is the function itself; sourced it announces one.
if [[ $funcstack[1] == _psi ]]; then _psi "$@"; else compdef _psi psi; fi
