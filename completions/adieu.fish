# Completions of adieu(1) for fish.

# Prints the words of the command that adieu is to run; fails before the first of them.
function __adieu_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                string join \n -- $words
                return 0
            case '-?*'
                # The value of an option is a word of its own.
                contains -- $words[1] $__adieu_with_value; and set -e words[1]
                set -e words[1]
            case '*'
                string join \n -- $words
                return 0
        end
    end
    return 1
end

# What completes the command itself.
function __adieu_complete_command
    set -l words (__adieu_command) (commandline -ct)
    complete -C (string join ' ' -- (string escape -- $words[1..-2]) $words[-1])
end

complete -c adieu -f
complete -c adieu -n __adieu_command -a '(__adieu_complete_command)'
complete -c adieu -n 'not __adieu_command' -a '(__fish_complete_command)'
# Between "begin" and "end" made by tests/it/generated.rs: ADIEU_WRITE_DOCS=1 cargo test --test it generated::
# begin options
set -g __adieu_with_value -c --shell -e --ok-exit -p --parent-death -t --timeout --epilogue -r --rewrite --deliver --wrapper --stop-on --report --explain --signal --format --install
complete -c adieu -n 'not __adieu_command' -s c -d 'A shell string, as `sh -c` takes it; what follows is its $0, $1 ...' -r -f -a "(__fish_complete_command)"
complete -c adieu -n 'not __adieu_command' -l shell -d 'The shell for strings [/bin/sh -c] [ADIEU_SHELL]' -r -f -a "(__fish_complete_command)"
complete -c adieu -n 'not __adieu_command' -s e -l ok-exit -d 'Exit with 0 instead of CODE: 143, 7,143 [ADIEU_OK_EXIT]' -r
complete -c adieu -n 'not __adieu_command' -s t -l timeout -d 'From the stop signal to SIGKILL: 10s, 1m 30s [none] [ADIEU_TIMEOUT]' -r
complete -c adieu -n 'not __adieu_command' -l epilogue -d 'How long a script may go on after its handlers [5s] [ADIEU_EPILOGUE]' -r
complete -c adieu -n 'not __adieu_command' -s r -l rewrite -d 'When FROM arrives, send TO: TERM=QUIT,HUP=0 (0 drops it) [ADIEU_REWRITE]' -r
complete -c adieu -n 'not __adieu_command' -l wrapper -d 'One more program that only waits for its child, like su [ADIEU_WRAPPERS]' -r
complete -c adieu -n 'not __adieu_command' -l report -d 'Write the finished stop as JSON; - is stderr [ADIEU_REPORT]' -r -F
complete -c adieu -n 'not __adieu_command' -l termination-log -d 'Append a summary [/dev/termination-log] [ADIEU_TERMINATION_LOG]' -r -F
complete -c adieu -n 'not __adieu_command' -l explain -d 'Say what a stop would do to the tree below PID, or all [1]' -r
complete -c adieu -n 'not __adieu_command' -l install -d 'Copy adieu to PATH (images FROM scratch have no cp)' -r -F
complete -c adieu -n 'not __adieu_command' -l deliver -d 'Who gets a signal: programs, group or child [programs] [ADIEU_DELIVER]' -r -f -a "programs\t''
group\t''
child\t''"
complete -c adieu -n 'not __adieu_command' -l format -d 'With --explain: text or json [text]' -r -f -a "text\t''
json\t''"
complete -c adieu -n 'not __adieu_command' -s p -l parent-death -d 'Signal that adieu gets when its parent dies' -r -f -a "TERM\t''
INT\t''
QUIT\t''
HUP\t''
KILL\t''"
complete -c adieu -n 'not __adieu_command' -l signal -d 'With --explain: say what this signal would do [TERM]' -r -f -a "TERM\t''
INT\t''
QUIT\t''
HUP\t''
USR1\t''
USR2\t''"
complete -c adieu -n 'not __adieu_command' -l stop-on -d 'Signals that begin the stop: TERM,INT [TERM,INT,QUIT] [ADIEU_STOP_ON]' -r -f -a "TERM\t''
INT\t''
QUIT\t''
HUP\t''
USR1\t''
USR2\t''"
complete -c adieu -n 'not __adieu_command' -l linger -d 'Go on until the last process is gone, for daemons [ADIEU_LINGER]'
complete -c adieu -n 'not __adieu_command' -s v -l verbose -d 'Print the stop as it happens, and its timeline [ADIEU_LOG=verbose]'
complete -c adieu -n 'not __adieu_command' -s q -l quiet -d 'Print no warnings [ADIEU_LOG=quiet]'
complete -c adieu -n 'not __adieu_command' -l show-args -d 'Show whole command lines in logs and reports [ADIEU_SHOW_ARGS]'
complete -c adieu -n 'not __adieu_command' -l check -d 'With --explain: exit with 1 where the signal is ignored or cuts off'
complete -c adieu -n 'not __adieu_command' -s h -l help -d 'Print this help'
complete -c adieu -n 'not __adieu_command' -s V -l version -d 'Print the version in tini\'s form, which dockerd expects'
complete -c adieu -n 'not __adieu_command' -s g -d 'The same as --deliver group'
complete -c adieu -n 'not __adieu_command' -s s -d 'No effect: adieu is always a subreaper'
complete -c adieu -n 'not __adieu_command' -s w -d 'No effect'
# end
