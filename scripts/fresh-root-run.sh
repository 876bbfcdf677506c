# Run by scripts/fresh-root in the fresh root: make run, the request that it prints, and the end.
set -eu
timeout 1700 make run >/srv/run.log 2>&1 &
run=$!
until grep -q '^curl -N' /srv/run.log; do
  kill -0 "$run" || { cat /srv/run.log; exit 1; }
  sleep 1
done
sh -c "$(grep '^curl -N' /srv/run.log)" >/srv/answer 2>/srv/curl.log
tail -n 2 /srv/answer
grep -q 'data: \[DONE\]' /srv/answer
kill -TERM "$run"
wait "$run" || true
for program in /proc/[0-9]*/exe; do
  case $(readlink "$program" || true) in
    */xtgateway | */xstech-simulator) echo "make run left $program behind"; exit 1 ;;
  esac
done
echo "make run: answered, and left nothing behind"
