# Removes the lock of a run by force: $1 state folder, $2 id of the run, or
# "unknown" for a lock that names none.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH

state=$1 id=$2
run=$state/runs/$id
holder=$(sed -n 's/^id //p' "$state/lock" 2>/dev/null | head -n 1)
case $holder in
'' | .* | */* | *' '*) [ ! -f "$state/lock" ] || holder=unknown ;;
esac
if [ "$holder" != "$id" ]; then
	printf 'the lock is not held by %s but by %s\n' "$id" "${holder:-nobody}" >&2
	exit 1
fi
if [ -f "$run/preparing" ]; then
	/bin/sh "$run/transact.sh" clean "$run"
elif [ -f "$run/armed" ] || [ -f "$run/restoring" ]; then
	/bin/sh "$run/transact.sh" restore "$run" 30 || exit 1
fi
rm -f "$state/lock" "$state/takeover.$id"
exit 0
