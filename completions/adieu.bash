# Completions of adieu(1) for bash.

# Between "begin" and "end" made by tests/it/generated.rs: ADIEU_WRITE_DOCS=1 cargo test --test it generated::
# begin options
_adieu_with_value=' -c --shell -e --ok-exit -p --parent-death -t --timeout --epilogue -r --rewrite --deliver --wrapper --stop-on --report --explain --signal --format --install '
_adieu() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="adieu"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        adieu)
            opts="-c -e -t -r -v -q -h -V -g -s -w -p --shell --linger --ok-exit --timeout --epilogue --rewrite --wrapper --verbose --quiet --report --termination-log --show-args --explain --check --install --help --version --deliver --format --parent-death --signal --stop-on"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shell)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ok-exit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -e)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -t)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --epilogue)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rewrite)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -r)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wrapper)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --report)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                --termination-log)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                --explain)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --install)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --deliver)
                    COMPREPLY=($(compgen -W "programs group child" -- "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "text json" -- "${cur}"))
                    return 0
                    ;;
                --parent-death)
                    COMPREPLY=($(compgen -W "TERM INT QUIT HUP KILL" -- "${cur}"))
                    return 0
                    ;;
                -p)
                    COMPREPLY=($(compgen -W "TERM INT QUIT HUP KILL" -- "${cur}"))
                    return 0
                    ;;
                --signal)
                    COMPREPLY=($(compgen -W "TERM INT QUIT HUP USR1 USR2" -- "${cur}"))
                    return 0
                    ;;
                --stop-on)
                    COMPREPLY=($(compgen -W "TERM INT QUIT HUP USR1 USR2" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _adieu -o nosort -o bashdefault -o default adieu
else
    complete -F _adieu -o bashdefault -o default adieu
fi
# end

# What stands before the word decides: adieu's options and their values are completed by the function above, the command
# behind them as it would be without adieu.
_adieu_or_command() {
  local word=$2 before waiting='' at=1 command=''
  COMPREPLY=()
  while [ "$at" -lt "$COMP_CWORD" ]; do
    before=${COMP_WORDS[at]}
    case $before in
    --) at=$((at + 1)) && command=yes && break ;;
    # bash splits `--timeout=5s` at `=`.
    =) [ $((at + 1)) -eq "$COMP_CWORD" ] || waiting='' ;;
    -?*) [[ $_adieu_with_value = *" $before "* ]] && waiting=$before || waiting='' ;;
    '') ;;
    *) if [ -n "$waiting" ] || [ "${COMP_WORDS[at - 1]}" = = ]; then waiting=''; else command=yes && break; fi ;;
    esac
    at=$((at + 1))
  done
  [ "$word" != = ] || word=
  if [ -n "$command" ] && [ "$at" -lt "$COMP_CWORD" ] && declare -F _command_offset >/dev/null; then
    _command_offset "$at"
  elif [ -z "$command" ] && { [ -n "$waiting" ] || [[ $word = -* ]]; }; then
    _adieu "$1" "$word" "$waiting"
  else
    mapfile -t COMPREPLY < <(compgen -c -- "$word"; [ -z "$command" ] || compgen -f -- "$word")
  fi
}

complete -o filenames -F _adieu_or_command adieu
