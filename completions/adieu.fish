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
set -g __adieu_with_value -c --shell -e --ok-exit -p --parent-death -t --timeout --epilogue -r --rewrite --deliver --stop-on --report --explain --signal --format --install
complete -c adieu -n 'not __adieu_command' -s c -x -a '(__fish_complete_command)' -d 'A shell string, as `sh -c` takes it ($0, $1 ...)'
complete -c adieu -n 'not __adieu_command' -l shell -x -a '(__fish_complete_command)' -d 'The shell for strings [/bin/sh -c] [ADIEU_SHELL]'
complete -c adieu -n 'not __adieu_command' -l linger -d 'Go on until the last process is gone (for daemons)'
complete -c adieu -n 'not __adieu_command' -s e -l ok-exit -x -d 'Exit with 0, not CODE (143 for Java); repeatable'
complete -c adieu -n 'not __adieu_command' -s p -l parent-death -x -a 'TERM INT QUIT HUP USR1 USR2' -d 'What adieu itself gets when its parent dies'
complete -c adieu -n 'not __adieu_command' -s t -l timeout -x -d 'Until SIGKILL: 10s, 1m 30s [none] [ADIEU_TIMEOUT]'
complete -c adieu -n 'not __adieu_command' -l epilogue -x -d 'A script\'s after its handlers [1s] [ADIEU_EPILOGUE]'
complete -c adieu -n 'not __adieu_command' -s r -l rewrite -x -d 'Deliver TO for FROM: TERM=QUIT, HUP=0; repeatable'
complete -c adieu -n 'not __adieu_command' -l deliver -x -a 'programs group child' -d 'programs, group or child [programs] [ADIEU_DELIVER]'
complete -c adieu -n 'not __adieu_command' -l stop-on -x -a 'TERM INT QUIT HUP USR1 USR2' -d 'What begins the stop; repeatable [TERM,INT,QUIT]'
complete -c adieu -n 'not __adieu_command' -s v -l verbose -d 'The stop and its timeline [ADIEU_LOG=verbose]'
complete -c adieu -n 'not __adieu_command' -s q -l quiet -d 'No warnings [ADIEU_LOG=quiet]'
complete -c adieu -n 'not __adieu_command' -l report -r -F -d 'The stop as JSON; - is stderr [ADIEU_REPORT]'
complete -c adieu -n 'not __adieu_command' -l termination-log -F -d 'For Kubernetes [/dev/termination-log]'
complete -c adieu -n 'not __adieu_command' -l show-args -d 'Whole command lines in logs and reports'
complete -c adieu -n 'not __adieu_command' -l explain -f -a '(__fish_complete_pids)' -d 'What a stop would do to the tree below PID [1]'
complete -c adieu -n 'not __adieu_command' -l signal -x -a 'TERM INT QUIT HUP USR1 USR2' -d '... what this signal would do [TERM]'
complete -c adieu -n 'not __adieu_command' -l format -x -a 'text json' -d '... as text or json [text]'
complete -c adieu -n 'not __adieu_command' -l install -r -F -d 'Copy adieu to PATH (images FROM scratch have no cp)'
complete -c adieu -n 'not __adieu_command' -s h -l help -d 'Print this help'
complete -c adieu -n 'not __adieu_command' -s V -l version -d 'Print the version'
complete -c adieu -n 'not __adieu_command' -s g -d 'The same as --deliver group'
complete -c adieu -n 'not __adieu_command' -s s -d 'No effect: adieu is always a subreaper'
complete -c adieu -n 'not __adieu_command' -s w -d 'No effect'
# end
