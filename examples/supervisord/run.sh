#!/bin/sh
# Starts supervisord with the configuration, stops the program and checks that the server finished.
# shellcheck source=SCRIPTDIR/../lib.sh
. "$(dirname "$0")/../lib.sh"
PATH=$(dirname "$adieu"):$PATH:$here/../../target/examples-venv/bin
need supervisord:supervisor supervisorctl:supervisor ps:procps

SHOP=$scratch/shop
export SHOP
mkdir "$SHOP"
# The configuration names adieu without a path.
ln -s "$adieu" "$SHOP/adieu"
PATH=$SHOP:$PATH
write_server "$SHOP/server"
ctl() { supervisorctl -c "$configuration" "$@"; }
log_has() { grep -qF -- "$1" "$SHOP/log"; }

# start CONFIGURATION
start() {
  configuration=$1
  rm -f "$SHOP/log"
  supervisord -c "$configuration" >"$scratch/out" 2>&1 &
  supervisord=$!
  at_exit "kill $supervisord; wait $supervisord"
  wait_until log_has 'server ready'
}

start "$here/supervisord.conf"
said=$(ctl stop shop)
expect 'what supervisorctl says' 'shop: stopped' "$said"
expect 'the log' "$finished
bye" "$(cat "$SHOP/log")"
expect 'the log that tee wrote' "$finished" "$(cat "$SHOP/server.log")"
grep -q 'stopped: shop (exit status 0)' "$SHOP/supervisord.log" || fail "no exit status 0 in: $(cat "$SHOP/supervisord.log")"
say 'stopwaitsecs=25: the server finished, then the script; exit status 0'
kill "$supervisord"
wait "$supervisord" || true

# adieu ends by the signal that ended its program.
cat "$here/supervisord.conf" - >"$scratch/idle.conf" <<'END'

[program:idle]
command=adieu 'sleep 3600'
startsecs=0
END
start "$scratch/idle.conf"
expect 'what supervisorctl says' 'idle: stopped' "$(ctl stop idle)"
grep -q 'stopped: idle (terminated by SIGTERM)' "$SHOP/supervisord.log" || fail "no SIGTERM in: $(cat "$SHOP/supervisord.log")"
say 'a program that does not handle SIGTERM: terminated by SIGTERM'
kill "$supervisord"
wait "$supervisord" || true

# What happens when supervisord does not wait long enough, whatever killasgroup says.
cat >"$SHOP/server" <<'END'
#!/bin/sh
trap 'echo "not now"' TERM
echo "$$" >pid
echo "server ready"
while true; do sleep 3600 & wait $!; done
END
sed 's/^stopwaitsecs=.*/stopwaitsecs=1/; s/^killasgroup=.*/killasgroup=true/' "$here/supervisord.conf" >"$scratch/short.conf"
start "$scratch/short.conf"
server=$(cat "$SHOP/pid")
at_exit "kill -KILL -$(ps -o pgid= -p "$server" | tr -d ' ')"
ctl stop shop >/dev/null
kill -0 "$server" || fail 'the server was expected to be left behind'
say 'stopwaitsecs=1, killasgroup=true: adieu is killed, and the server goes on by itself'
