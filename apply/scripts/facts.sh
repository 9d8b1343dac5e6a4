# Tells what the machine is, who works on it, and which sshd listens.
#
#   $1  session: the sshd that let this shell in; machine: every listening one
#
# Prints "key value" lines. A line "listener PID" starts what is known about
# that sshd; "listener -" stands for one sshd per login.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH

# say KEY VALUE: what is told, all at once at the end: sshd makes a packet of
# each piece that it is given.
told=
say() {
	[ -z "$2" ] || told="$told$1 $2
"
}

parent() {
	if [ -r "/proc/$1/status" ]; then
		sed -n 's/^PPid:[^0-9]*//p' "/proc/$1/status"
	else
		ps -o ppid= -p "$1" | tr -d ' '
	fi
}

program() {
	readlink "/proc/$1/exe" 2>/dev/null
}

title() {
	if [ -r "/proc/$1/cmdline" ]; then
		tr '\n\000' ' \n' <"/proc/$1/cmdline"
	else
		ps -o command= -p "$1"
	fi
}

is_sshd() {
	case $(program "$1") in
	*/sshd | */sshd' (deleted)') return 0 ;;
	?*) return 1 ;;
	esac
	# Another user's program may not be looked at; its title may.
	case $(title "$1") in
	sshd:* | */sshd | */sshd' '*) return 0 ;;
	esac
	return 1
}

# A process that serves one connection names its user; a listener does not
# (sshd.c and session.c, setproctitle).
is_session() {
	case $(title "$1") in
	sshd:*'[listener]'*) return 1 ;;
	sshd:*) return 0 ;;
	esac
	return 1
}

topmost() {
	top=
	at=$$
	while [ -n "$at" ] && [ "$at" -gt 0 ]; do
		if is_sshd "$at"; then
			top=$at
		fi
		at=$(parent "$at")
	done
	printf '%s' "$top"
}

# The local port of our connection: sudo removes the variable, the processes
# above it still have it.
session_port() {
	connection=$SSH_CONNECTION
	at=$$
	while [ -z "$connection" ] && [ -n "$at" ] && [ "$at" -gt 1 ]; do
		connection=$(tr '\000' '\n' 2>/dev/null <"/proc/$at/environ" | sed -n 's/^SSH_CONNECTION=//p')
		at=$(parent "$at")
	done
	printf '%s' "${connection##* }"
}

# The sshd that holds the listening socket of a port. With socket activation
# the init process holds it too.
owner() {
	inodes=$(awk -v port="$(printf '%04X' "$1")" '
		$4 == "0A" { split($2, at, ":"); if (at[2] == port) print "socket:[" $10 "]" }
	' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	[ -n "$inodes" ] || return 0
	for fds in /proc/[0-9]*/fd; do
		at=${fds#/proc/}
		at=${at%/fd}
		is_sshd "$at" || continue
		for fd in "$fds"/*; do
			case $(readlink "$fd" 2>/dev/null) in
			socket:*) readlink "$fd" ;;
			esac
		done | grep -qxF "$inodes" || continue
		printf '%s' "$at"
		return 0
	done
}

show() {
	systemctl show -p "$2" "$1" 2>/dev/null | sed -n "s/^$2=//p"
}

# active UNITS: those of them that are. A service whose socket has failed, or
# was stopped, listens by itself and is reloaded like any other.
active() {
	units=
	for name in $1; do
		[ "$(show "$name" ActiveState)" != active ] || units="$units${units:+ }$name"
	done
	printf '%s' "$units"
}

describe() {
	say listener "$1"
	exe=$(program "$1")
	say exe "$exe"
	words=$(title "$1" | sed -n 's/^./title &/p')
	[ -z "$words" ] || told="$told$words
"
	say started "$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null)"
	above=$(parent "$1")
	case $(cat "/proc/$above/comm" 2>/dev/null) in
	runsv) say runsv "$(readlink "/proc/$above/cwd")" ;;
	esac
	[ -d /run/systemd/system ] || return 0
	unit=$(sed -n 's/^0::.*\/\([^/]*\.service\)$/\1/p; s/^[0-9]*:name=systemd:.*\/\([^/]*\.service\)$/\1/p' "/proc/$1/cgroup" | head -n 1)
	if [ -n "$unit" ] && [ "$(show "$unit" MainPID)" = "$1" ]; then
		say unit "$unit"
		say sockets "$(active "$(show "$unit" TriggeredBy)")"
		say killmode "$(show "$unit" KillMode)"
	fi
}

# What sshd reads without -f is compiled in; it says so when asked for details.
default_config() {
	"$1" -t -dd 2>&1 </dev/null | sed -n 's/^debug2: load_server_config: filename //p' | head -n 1
}

person=${SUDO_USER:-$(id -un)}
say uid "$(id -u)"
say user "$person"
entry=$(getent passwd "$person" 2>/dev/null || grep "^$person:" /etc/passwd)
home=$(printf '%s\n' "$entry" | head -n 1 | cut -d : -f 6)
say home "${home:-$HOME}"
owner_home=$(getent passwd "$(id -u)" 2>/dev/null | head -n 1 | cut -d : -f 6)
say statehome "${owner_home:-$HOME}"
# Whoever runs an sshd may keep the records of its logins elsewhere (SetEnv in
# sshd_config). Behind sudo this is gone, and the default counts.
say state "${SSHFORM_STATE:-}"
say kernel "$(uname -sr)"
say system "$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | head -n 1 | tr -d '"')"
say hostname "$(uname -n)"
say boot "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
say init "$(cat /proc/1/comm 2>/dev/null)"
[ ! -d /run/systemd/system ] || say manager systemd
[ ! -d /run/openrc ] || say manager openrc
for name in ssh sshd openssh; do
	[ ! -x "/etc/init.d/$name" ] || say initscript "$name"
	[ ! -x "/etc/rc.d/$name" ] || say rcscript "$name"
	[ ! -x "/usr/local/etc/rc.d/$name" ] || say rcscript "$name"
done
[ ! -d /System/Library ] || say manager launchd
for file in /run/sshd.pid /var/run/sshd.pid /run/sshd/sshd.pid; do
	if [ -f "$file" ]; then
		say pidfile "$(head -c 20 "$file" | tr -dc 0-9) $file"
		break
	fi
done
say ssh "$(command -v ssh)"
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	say namespace yes
fi
sshd=$(command -v sshd)
say sshd "$sshd"

case $1 in
session)
	top=$(topmost)
	if [ -z "$top" ] || is_session "$top"; then
		port=$(session_port)
		held=
		[ -z "$port" ] || held=$(owner "$port")
		if [ -n "$held" ]; then
			top=$held
		elif [ -n "$top" ] || [ -n "$port" ]; then
			say listener -
			say exe "$sshd"
			top=
		fi
	fi
	[ -z "$top" ] || describe "$top"
	;;
machine)
	for at in /proc/[0-9]*; do
		at=${at#/proc/}
		if is_sshd "$at" && ! is_session "$at" && ! is_sshd "$(parent "$at")"; then
			describe "$at"
		fi
	done
	;;
esac
for at in "$exe" "$sshd"; do
	if [ -x "$at" ]; then
		say config "$(default_config "$at")"
		break
	fi
done
printf '%s' "$told"
exit 0
