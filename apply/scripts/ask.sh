# Asks sshd or ssh what is in force for each of some logins.
#
#   $1  mark that frames the answers
#   $2  -T for sshd, -G for ssh
#   $3  the program, $4 the number of its options, which follow
#   …   one word for each login: the argument of -C, empty for none; for ssh
#       the destination
#
# For each login: its output, "MARK err", its messages, "MARK end STATUS".

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH

mark=$1 mode=$2 program=$3 count=$4
shift 4

made=
restore_folder() {
	[ -z "$made" ] || rmdir "$made" 2>/dev/null
}
trap restore_folder EXIT

# as_person WORD…: with the rights of the login user, where sudo has made us
# root: ssh would take root's home for theirs.
as_person() {
	if [ "$(id -u)" != 0 ] || [ "${SUDO_USER:-root}" = root ]; then
		"$@"
	elif command -v runuser >/dev/null; then
		runuser -u "$SUDO_USER" -- "$@"
	else
		sudo -n -u "$SUDO_USER" -- "$@"
	fi
}

# theirs FILE: it is the login user's.
theirs() {
	[ "$(ls -Ldn -- "$1" | awk '{ print $3 }')" = "$(id -u -- "${SUDO_USER:-root}")" ]
}

# run LOGIN OPTION…
run() {
	login=$1
	shift
	case $mode in
	-G)
		# ssh refuses a file that is not there; until it is made it is as empty.
		if [ "${1-}" = -F ] && [ ! -e "$2" ] && [ ! -L "$2" ]; then
			set -- -F /dev/null
		fi
		if [ "${1-}" = -F ] && [ "$2" != /dev/null ] && ! theirs "$2"; then
			"$program" "$@" -G -- "$login" </dev/null
		else
			as_person "$program" "$@" -G -- "$login" </dev/null
		fi
		;;
	*)
		if [ -n "$login" ]; then
			"$program" "$@" -T -C "$login" </dev/null
		else
			"$program" "$@" -T </dev/null
		fi
		;;
	esac
}

# ask LOGIN OPTION…: the output passes through, the messages are kept. sshd
# wants its folder for privilege separation (sshd.c), which on some systems
# exists only while a daemon runs; with one sshd a login the system removes it
# whenever some login ends.
ask() {
	tries=0
	while :; do
		{ messages=$(run "$@" 2>&1 >&3 3>&-) && status=0 || status=$?; } 3>&1
		tries=$((tries + 1))
		case $messages in
		*'Missing privilege separation directory: '*)
			if [ "$tries" -lt 5 ] && [ "$(id -u)" = 0 ]; then
				# sshd ends its lines with CR LF (log.c).
				folder=$(printf '%s\n' "$messages" | tr -d '\r' | sed -n 's/^Missing privilege separation directory: //p')
				if mkdir -m 755 "$folder" 2>/dev/null; then
					made=$folder
				fi
				continue
			fi
			;;
		esac
		break
	done
	printf '\n%s err\n%s\n%s end %s\n' "$mark" "$messages" "$mark" "$status"
}

# The words after the options are the logins; "$options" names the options by
# number, so that eval sees no value.
options=
number=1
while [ "$number" -le "$count" ]; do
	options="$options \"\${$number}\""
	number=$((number + 1))
done
while [ "$number" -le "$#" ]; do
	eval "ask \"\${$number}\" $options"
	number=$((number + 1))
done
exit 0
