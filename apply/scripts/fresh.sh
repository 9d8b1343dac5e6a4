# Tells when the daemon read its files last and when the files changed last,
# in seconds since the epoch, with a fraction where the system has it.
#
#   $1  pid of the listener   $2  its pid file, empty to ask it
#   $3  its systemd unit, or empty   $4  our state folder
#   $5  its program   $6  the number of its options, which follow
#   …   the files and folders of the tree
#
# "load T": the pid file names the listener, and sshd writes it at each start
# and at each SIGHUP (sshd.c). "active T": when the unit became active.
# "settled T PATH": a folder as our last run left it. "changed N T": path N.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH

pid=$1 pidfile=$2 unit=$3 state=$4 program=$5 count=$6
shift 6

# The options go to the end, one by one, and then away.
number=0
while [ "$number" -lt "$count" ]; do
	set -- "$@" "$1"
	shift
	number=$((number + 1))
done
paths=$(($# - count))
ask_pidfile() {
	shift "$paths"
	"$program" "$@" -T -C user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22,rdomain= </dev/null 2>/dev/null |
		sed -n 's/^[Pp][Ii][Dd][Ff][Ii][Ll][Ee] //p'
}
if [ -z "$pidfile" ]; then
	pidfile=$(ask_pidfile "$@")
fi

# when LETTER PATH: stat's time, GNU's with a fraction, else BusyBox's or BSD's.
when() {
	stat -c "%.9$1" -- "$2" 2>/dev/null || stat -c "%$1" -- "$2" 2>/dev/null ||
		case $1 in
		Z) stat -f %c "$2" 2>/dev/null ;;
		Y) stat -f %m "$2" 2>/dev/null ;;
		esac
}

# All at once: sshd makes a packet of each piece that it is given.
told=$(
	if [ -n "$pidfile" ] && [ "$(head -c 20 "$pidfile" 2>/dev/null | tr -dc 0-9)" = "$pid" ]; then
		printf 'load %s\n' "$(when Y "$pidfile")"
	fi
	if [ -n "$unit" ] && [ -r /proc/uptime ]; then
		active=$(systemctl show -p ActiveEnterTimestampMonotonic "$unit" | tr -dc 0-9)
		read -r up rest </proc/uptime
		: "$rest"
		if [ "${active:-0}" -gt 0 ]; then
			printf 'active %s\n' $(($(date +%s) - ${up%%.*} + active / 1000000))
		fi
	fi
	if [ -r "$state/settled" ]; then
		sed -n 's/^/settled /p' "$state/settled"
	fi
	number=0
	for path in "$@"; do
		[ "$number" -lt "$paths" ] || break
		printf 'changed %s %s\n' "$number" "$(when Z "$path")"
		number=$((number + 1))
	done
)
[ -z "$told" ] || printf '%s\n' "$told"
exit 0
