# Completions of adieu(1) for bash.

# Between "begin" and "end" made by tests/it/generated.rs: ADIEU_WRITE_DOCS=1 cargo test --test it generated::
# begin options
_adieu_options='-c --shell --linger -e --ok-exit -p --parent-death -t --timeout --epilogue -r --rewrite --deliver --stop-on -v --verbose -q --quiet --report --termination-log --show-args --explain --signal --format --install -h --help -V --version -g -s -w'
# What an option waits for, as its next word.
_adieu_takes() {
  case $1 in
  -c) echo STRING ;;
  --shell) echo CMD ;;
  -e | --ok-exit) echo CODE ;;
  -p | --parent-death) echo SIG ;;
  -t | --timeout) echo TIME ;;
  --epilogue) echo TIME ;;
  -r | --rewrite) echo FROM=TO ;;
  --deliver) echo WHO ;;
  --stop-on) echo SIG ;;
  --report) echo FILE ;;
  --explain) echo PID ;;
  --signal) echo SIG ;;
  --format) echo FORMAT ;;
  --install) echo PATH ;;
  esac
}
# end

_adieu() {
  local word=${COMP_WORDS[COMP_CWORD]} takes='' at=1
  COMPREPLY=()
  # What stands before the word: an option that waits for its value, or a command that has begun.
  while [ "$at" -lt "$COMP_CWORD" ]; do
    case ${COMP_WORDS[at]} in
    --) at=$((at + 1)) && takes=command && break ;;
    -?*) takes=$(_adieu_takes "${COMP_WORDS[at]}") ;;
    '') ;;
    # bash splits at `=`, which leaves an option's value to be completed.
    =) [ $((at + 1)) -eq "$COMP_CWORD" ] || takes='' ;;
    *) if [ -n "$takes" ] || [ "${COMP_WORDS[at - 1]}" = = ]; then takes=''; else takes=command && break; fi ;;
    esac
    at=$((at + 1))
  done
  [ "$word" != = ] || word=
  # A process's number may be left out.
  [[ $takes != PID || $word != -* ]] || takes=''
  case $takes in
  command)
    if [ "$at" -lt "$COMP_CWORD" ] && declare -F _command_offset >/dev/null; then
      _command_offset "$at"
    else
      _adieu_words "$(compgen -c -- "$word")" "$(compgen -f -- "$word")"
    fi
    ;;
  CMD | STRING) _adieu_words "$(compgen -c -- "$word")" ;;
  FILE | PATH) _adieu_words "$(compgen -f -- "$word")" ;;
  FORMAT) _adieu_words "$(compgen -W 'text json' -- "$word")" ;;
  PID) _adieu_words "$(compgen -W "$(cd /proc && printf '%s ' [0-9]*)" -- "$word")" ;;
  SIG) _adieu_words "$(compgen -W 'TERM INT QUIT HUP USR1 USR2' -- "$word")" ;;
  WHO) _adieu_words "$(compgen -W 'programs group child' -- "$word")" ;;
  '')
    case $word in
    -*) _adieu_words "$(compgen -W "$_adieu_options" -- "$word")" ;;
    *) _adieu_words "$(compgen -c -- "$word")" ;;
    esac
    ;;
  esac
}

# Replies with each line of the arguments.
_adieu_words() {
  local IFS=$'\n' list
  for list in "$@"; do
    [ -z "$list" ] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY <<<"$list"
  done
}

complete -o filenames -F _adieu adieu
