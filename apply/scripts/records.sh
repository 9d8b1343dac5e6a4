# Lists what is kept about runs: $1 state folder. Prints "run ID VERDICT" for
# each, "original ID" for those never pruned, and "lock LINE" for the lock.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH

state=$1
[ -d "$state" ] || exit 0
if [ -L "$state" ] || [ "$(ls -ldn -- "$state" | awk '{ print $3 }')" != "$(id -u)" ]; then
	printf '%s belongs to somebody else\n' "$state" >&2
	exit 1
fi
for run in "$state/runs"/*; do
	[ -d "$run" ] || continue
	verdict=$(head -c 1000 "$run/verdict" 2>/dev/null | tr '\n' ' ')
	if [ -z "$verdict" ]; then
		for name in preparing armed committed restoring restored cleaned; do
			[ ! -f "$run/$name" ] || verdict=$name
		done
	fi
	printf 'run %s %s\n' "${run##*/}" "$verdict"
	[ ! -e "$run/original" ] || printf 'original %s\n' "${run##*/}"
done
if [ -f "$state/lock" ]; then
	sed 's/^/lock /' "$state/lock"
	expired=no
	boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
	until=$(sed -n 's/^until //p' "$state/lock" | tr -dc 0-9)
	now=$(sed 's/[. ].*//' /proc/uptime 2>/dev/null || date +%s)
	[ "$(sed -n 's/^boot //p' "$state/lock")" = "$boot" ] || expired=yes
	[ "${now:-0}" -le "${until:-0}" ] || expired=yes
	printf 'lock expired %s\n' "$expired"
fi
exit 0
