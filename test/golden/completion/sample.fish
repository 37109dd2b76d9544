# fish completion for psi, written by `psi completion fish`.
# True if the command typed so far is the given one.
function __psi_at
    set -l found
    for word in (commandline -opc)[2..-1]
        if contains -- (string join -- ' ' $found $word) 'get' 'group' 'group pick-one' 'group name'
            set -a found $word
        end
    end
    test "$found" = "$argv"
end
complete -c psi -f
complete -c psi -l config -s c -r -F -d 'the config\'s file: $PSI [yaml]'
complete -c psi -l help -s h -d 'display help for command'
complete -c psi -n '__psi_at' -a get -d 'one, it\'s: easy'
complete -c psi -n '__psi_at' -a group -d 'more'
complete -c psi -n '__psi_at' -l version -s V -d 'output the version number'
complete -c psi -n '__psi_at get' -F
complete -c psi -n '__psi_at get' -l as -x -a 'env mount' -d 'how'
complete -c psi -n '__psi_at get' -l path -x -d 'folder at the provider'
complete -c psi -n '__psi_at get' -l all -d 'all of them'
complete -c psi -n '__psi_at group' -a pick-one -d 'inside'
complete -c psi -n '__psi_at group' -a name -d ''
complete -c psi -n '__psi_at group pick-one' -a 'a b'
