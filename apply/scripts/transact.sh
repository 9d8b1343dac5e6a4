# The transaction on the host. This text lies in the folder of the run as
# transact.sh, from the lock to the end; steps of the controller, the watchdog
# and a boot unit all call it:
#
#   /bin/sh RUN/transact.sh VERB RUN [WORD…]
#
# Everything it works on comes from RUN/manifest, a value a line. The token is
# one file that is renamed, and never twice the same way:
#
#   preparing -> cleaned                     nothing was replaced
#   preparing -> armed -> committed          the change stays
#                armed -> restoring -> restored
#
# Whoever moves it decides: the controller, the watchdog, or the next boot.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH
umask 077

verb=$1
run=$2

# read_manifest [NUMBER]: the values of the run, and those of file NUMBER.
read_manifest() {
	wanted=${1:-0}
	files=0
	kind='' real='' stage='' old='' saved=''
	while IFS= read -r line; do
		value=${line#* }
		case $line in
		'file '*) files=$((files + 1)) ;;
		esac
		if [ "$files" -ne 0 ] && [ "$files" -ne "$wanted" ]; then
			continue
		fi
		case $line in
		'id '*) id=$value ;;
		'nonce '*) nonce=$value ;;
		'state '*) state=$value ;;
		'timeout '*) timeout=$value ;;
		'backups '*) backups=$value ;;
		'way '*) way=$value ;;
		'unit '*) unit=$value ;;
		'sockets '*) sockets=$value ;;
		'program '*) program=$value ;;
		'pid '*) pid=$value ;;
		'pidfile '*) pidfile=$value ;;
		'tree '*) tree=$value ;;
		'namespaces '*) namespaces=$value ;;
		'file '*) kind=$value ;;
		'real '*) real=$value ;;
		'stage '*) stage=$value ;;
		'old '*) old=$value ;;
		'saved '*) saved=$value ;;
		esac
	done <"$run/manifest"
}

say() {
	printf '%s\n' "$*"
}

fail() {
	printf '%s\n' "$*" >&2
}

flush() {
	sync "$1" 2>/dev/null || sync
}

# move FROM TO: the token, by rename(2). Exactly one of two movers succeeds.
move() {
	[ ! -d "$run/$2" ] && mv -f "$run/$1" "$run/$2" 2>/dev/null
}

token() {
	for name in preparing armed committed restoring restored cleaned; do
		if [ -f "$run/$name" ]; then
			printf '%s' "$name"
			return
		fi
	done
	printf none
}

# Seconds on a clock that nobody sets.
seconds() {
	if [ -r /proc/uptime ]; then
		read -r up rest </proc/uptime
		: "$rest"
		printf '%s' "${up%%.*}"
	else
		date +%s
	fi
}

pause() {
	sleep "$1" 2>/dev/null || sleep 1
}

# --- the daemon ---

# sshd WORD…: the listener's program with the listener's options.
sshd() {
	while IFS= read -r line; do
		case $line in
		'option '*) set -- "$@" "${line#option }" ;;
		esac
	done <"$run/manifest"
	[ -z "$candidate" ] || set -- "$@" -f "$candidate"
	"$program" "$@" </dev/null
}
candidate=

# need_folder: sshd wants its folder for privilege separation, which on some
# systems exists only while a daemon runs.
need_folder() {
	[ "$(id -u)" = 0 ] || return 0
	make_folder "$(sshd -t 2>&1)"
}

# make_folder MESSAGES: makes the folder that sshd misses; false if it misses
# none. sshd ends its lines with CR LF (log.c).
make_folder() {
	folder=$(printf '%s\n' "$1" | tr -d '\r' | sed -n 's/^Missing privilege separation directory: //p')
	[ -n "$folder" ] || return 1
	if mkdir -m 755 "$folder" 2>/dev/null; then
		made_folder=$folder
	fi
}
made_folder=

drop_folder() {
	[ -z "$made_folder" ] || rmdir "$made_folder" 2>/dev/null
	made_folder=
}

# with_folder DO: again when the folder of privilege separation was missing:
# where each login has an sshd of its own, the end of any login removes it.
with_folder() {
	tries=0
	while :; do
		"$1"
		status=$?
		tries=$((tries + 1))
		if [ "$tries" -ge 5 ] || ! make_folder "$messages"; then
			return
		fi
	done
}

check_config() {
	tested() {
		messages=$(sshd -t 2>&1)
	}
	with_folder tested
	drop_folder
	[ -z "$messages" ] || fail "$messages"
	return "$status"
}

show() {
	systemctl show -p "$2" "$1" 2>/dev/null | sed -n "s/^$2=//p"
}

# listening PID: the listening sockets that a process holds, by inode.
listening() {
	open=$(awk '$4 == "0A" { print "socket:[" $10 "]" }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	[ -n "$open" ] || return 0
	for fd in "/proc/$1/fd"/*; do
		readlink "$fd" 2>/dev/null
	done | grep -xF "$open" | sort
}

# living PID: it runs. Where process 1 reaps nobody, the dead keep their number.
living() {
	kill -0 "$1" 2>/dev/null || return 1
	case $(awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$1/stat" 2>/dev/null) in
	Z | X) return 1 ;;
	esac
	return 0
}

alive() {
	[ "${pid:-0}" -gt 0 ] && living "$pid"
}

# ports: where sshd is to listen, as the configuration on disk has it.
ports() {
	dumped() {
		messages=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22,rdomain= 2>&1)
	}
	with_folder dumped
	drop_folder
	printf '%s\n' "$messages" | awk 'tolower($1) == "port" { print $2 }'
}

# answers: somebody listens on one of the ports.
answers() {
	if [ ! -r /proc/net/tcp ]; then
		alive
		return
	fi
	for port in $(ports); do
		if awk -v port="$(printf '%04X' "$port")" '
			$4 == "0A" { split($2, at, ":"); if (at[2] == port) found = 1 }
			END { exit !found }
		' /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
			return 0
		fi
	done
	return 1
}

# One start of a daemon in three seconds, whichever run it is of, or systemd
# gives its socket up (StartLimitBurst). After a boot the clock starts anew.
space_starts() {
	now=$(seconds)
	last=$(cat "$state/started" 2>/dev/null || echo 0)
	since_last=$((now - last))
	if [ "$since_last" -ge 0 ] && [ "$since_last" -lt 3 ]; then
		sleep $((3 - since_last))
	fi
	seconds >"$state/started"
}

# site_command: the words of the command that the site has named.
site_command() {
	set --
	while IFS= read -r line; do
		case $line in
		'command '*) set -- "$@" "${line#command }" ;;
		esac
	done <"$run/manifest"
	limited "$@"
}

# limited WORD…: a command that may take 30 seconds: the watchdog waits for
# nothing for ever.
limited() {
	"$@" &
	child=$!
	passes=0
	while living "$child" && [ "$passes" -lt 300 ]; do
		pause 0.1
		passes=$((passes + 1))
	done
	if living "$child"; then
		kill "$child"
	fi
}

# The two tables of what each way means. No exit status is believed.
tell_daemon() {
	if grep -q '^command ' "$run/manifest"; then
		site_command >/dev/null 2>&1 </dev/null
		return
	fi
	case $way in
	systemd) systemctl reload "$unit" ;;
	systemd-socket)
		space_starts
		systemctl try-restart "$unit"
		;;
	sysvinit) "/etc/init.d/$unit" reload ;;
	openrc) rc-service "$unit" reload ;;
	runit) sv hup "$unit" ;;
	bsd-rc) service "$unit" reload ;;
	sighup) kill -HUP "$pid" ;;
	esac >/dev/null 2>&1 </dev/null
}

# start_socket NAME: systemd starts no socket whose service runs. The service
# ends then; sessions go on without it (KillMode=process).
start_socket() {
	systemctl start "$1" && return
	[ "$(show "$unit" ActiveState)" = active ] || return 1
	systemctl stop "$unit"
	systemctl start "$1" || systemctl start "$unit"
}

start_daemon() {
	case $way in
	systemd)
		space_starts
		systemctl reset-failed "$unit"
		systemctl start "$unit"
		;;
	systemd-socket)
		space_starts
		for name in $sockets; do
			systemctl reset-failed "$name"
		done
		systemctl reset-failed "$unit"
		for name in $sockets; do
			start_socket "$name"
		done
		;;
	sysvinit) "/etc/init.d/$unit" start ;;
	openrc)
		rc-service "$unit" zap
		rc-service "$unit" start
		;;
	runit) sv start "$unit" ;;
	bsd-rc) service "$unit" start ;;
	sighup) sshd ;;
	esac >/dev/null 2>&1 </dev/null
}

# keep_sockets: systemd may have given a socket up while its service listens by
# itself. Logins work then, and will not once that service ends: the change
# stays only if the socket is there again.
keep_sockets() {
	[ "$way" = systemd-socket ] || return 0
	for name in $sockets; do
		[ "$(show "$name" ActiveState)" != active ] || continue
		systemctl reset-failed "$name" "$unit"
		start_socket "$name"
		[ "$(show "$name" ActiveState)" = active ] || {
			fail "$name has failed and does not start again"
			return 1
		}
	done >/dev/null </dev/null
}

# before_signs, signs: what tells that the daemon has read its files.
before_signs() {
	: >"$run/moment"
	case $way in
	systemd-socket) mark=$(show "$unit" MainPID) ;;
	*) mark=$(listening "$pid") ;;
	esac
}

signs() {
	case $way in
	systemd-socket)
		main=$(show "$unit" MainPID)
		[ "${main:-0}" != 0 ] && [ "$main" != "$mark" ]
		return
		;;
	esac
	alive || return 1
	now=$(listening "$pid")
	if [ -n "$now" ] && [ -n "$mark" ] && [ "$now" != "$mark" ]; then
		return 0
	fi
	[ -n "$pidfile" ] && [ -n "$(find "$pidfile" -newer "$run/moment" 2>/dev/null)" ]
}

wait_for_signs() {
	tries=0
	while [ "$tries" -lt "$1" ]; do
		if signs; then
			return 0
		fi
		pause 0.1
		tries=$((tries + 1))
	done
	return 1
}

# refresh: tell the daemon, look for the sign, and signal once by hand where
# there is none. A way without a daemon has nothing to do.
refresh() {
	case $way in
	'' | none | per-login | launchd) return 0 ;;
	systemd-socket)
		if [ "$(show "$unit" MainPID)" = 0 ]; then
			return 0 # the next connection starts it with the new files
		fi
		;;
	esac
	before_signs
	tell_daemon
	wait_for_signs 15 && return 0
	case $way in
	systemd-socket) return 1 ;;
	esac
	if alive && check_config 2>/dev/null; then
		kill -HUP "$pid"
		wait_for_signs 30 && return 0
	fi
	return 1
}

# --- files ---

# publish: puts file "$real" in place; the old one stays as "$old".
publish() {
	case $kind in
	create)
		ln -- "$stage" "$real" 2>/dev/null && return 0
		say "stale $real"
		return 1
		;;
	esac
	if [ ! -f "$real" ] || [ -L "$real" ]; then
		say "stale $real"
		return 1
	fi
	if ! ln -- "$real" "$old" 2>/dev/null; then
		cp -p -- "$real" "$old" || return 2
		flush "$old"
	fi
	# Both names are compared, byte for byte: inode numbers are no proof on
	# overlay file systems.
	if ! cmp -s -- "$old" "$saved" || ! cmp -s -- "$real" "$saved"; then
		say "stale $real"
		rm -f -- "$old"
		return 1
	fi
	case $kind in
	edit) mv -f -- "$stage" "$real" || return 2 ;;
	remove) rm -f -- "$real" || return 2 ;;
	esac
	# Somebody who had the file open may have written to it meanwhile.
	if ! cmp -s -- "$old" "$saved"; then
		say "stale $real"
		return 1
	fi
	return 0
}

# put_back: undoes publish, as often as one likes. A rename allocates nothing.
put_back() {
	case $kind in
	create)
		if cmp -s -- "$stage" "$real"; then
			rm -f -- "$real"
		fi
		;;
	*)
		if [ -f "$old" ]; then
			mv -f -- "$old" "$real" || return 1
			# Two names of one inode: rename(2) leaves both.
			rm -f -- "$old"
		elif [ ! -e "$stage" ] && [ -f "$saved" ] && ! cmp -s -- "$saved" "$real"; then
			cp -p -- "$saved" "$stage" && mv -f -- "$stage" "$real" || return 1
		fi
		;;
	esac
	return 0
}

publish_all() {
	read_manifest
	total=$files
	number=1
	while [ "$number" -le "$total" ]; do
		read_manifest "$number"
		publish || return
		number=$((number + 1))
	done
}

put_back_all() {
	read_manifest
	number=$files
	worst=0
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		put_back || worst=1
		flush "${real%/*}/"
		number=$((number - 1))
	done
	return "$worst"
}

# sweep: removes what a run leaves beside the files. It fails where it cannot:
# the file system may have become read-only.
sweep() {
	read_manifest
	number=$files
	swept=0
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		rm -f -- "$stage" "$old" 2>/dev/null || swept=1
		number=$((number - 1))
	done
	return "$swept"
}

# --- the boot ---

boot_unit=
name_boot_unit() {
	[ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] && boot_unit=/etc/systemd/system/sshform-restore-$id.service
}

# guard_boot: where systemd starts sshd, a unit settles the run before it does.
guard_boot() {
	case $way in
	systemd | systemd-socket | per-login) ;;
	*) return 0 ;;
	esac
	name_boot_unit || return 0
	wants=/etc/systemd/system/multi-user.target.wants
	(
		umask 022
		mkdir -p "$wants"
		cat >"$boot_unit" <<UNIT
# Written by sshform: puts old files back if the host goes down during a change.
[Unit]
Description=sshform: settle run $id
DefaultDependencies=no
After=local-fs.target
Before=ssh.service sshd.service ssh.socket sshd.socket
ConditionPathExists=|$run/armed
ConditionPathExists=|$run/restoring

[Service]
Type=oneshot
ExecStart=/bin/sh $run/transact.sh boot $run
UNIT
	) && ln -s "$boot_unit" "$wants/" && flush "$boot_unit"
}

unguard_boot() {
	name_boot_unit || return 0
	rm -f "$boot_unit" "/etc/systemd/system/multi-user.target.wants/${boot_unit##*/}"
}

# --- the end of a run ---

unlock() {
	if [ "$(sed -n 's/^id //p' "$state/lock" 2>/dev/null)" = "$id" ]; then
		rm -f "$state/lock"
	fi
}

# claim: which files are as we leave them. An edit that somebody else has made
# meanwhile stays theirs, and unloaded.
claim() {
	read_manifest
	number=$files
	kept=' '
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		left=$saved
		[ "$kind" != create ] || left=$stage
		if cmp -s -- "$left" "$real"; then
			kept="$kept$number "
		fi
		number=$((number - 1))
	done
}
kept=' '

# settle: remembers how we leave files and folders, so that our own tidying
# and putting back do not look like somebody's unloaded edit.
settle() {
	tail -n 200 "$state/settled" >"$state/settled.new" 2>/dev/null
	read_manifest
	number=$files
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		remember "${real%/*}"
		case $kept in
		*" $number "*) remember "$real" ;;
		esac
		number=$((number - 1))
	done
	mv -f "$state/settled.new" "$state/settled"
}

remember() {
	when=$(stat -c %.9Z -- "$1" 2>/dev/null || stat -f %c "$1" 2>/dev/null)
	printf '%s %s\n' "$when" "$1" >>"$state/settled.new"
}

# keep_original: the first run that touches a file is never pruned.
keep_original() {
	read_manifest
	number=$files
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		if ! grep -qxF -- "$real" "$state/originals" 2>/dev/null; then
			printf '%s\n' "$real" >>"$state/originals"
			: >"$run/original"
		fi
		number=$((number - 1))
	done
}

prune() {
	count=0
	for other in $(ls "$state/runs" | sort -r); do
		count=$((count + 1))
		[ "$count" -gt "$backups" ] || continue
		[ ! -e "$state/runs/$other/original" ] || continue
		[ -e "$state/runs/$other/verdict" ] || continue
		rm -rf "$state/runs/${other:?}"
	done
}

# finish VERDICT: what is to be done once the token has moved; as often as one
# likes. Without a verdict the watchdog does it again.
finish() {
	unguard_boot
	claim
	sweep || return 1
	settle
	say "$1" >"$run/verdict.new" && mv -f "$run/verdict.new" "$run/verdict"
	unlock
}

clean() {
	move preparing cleaned || return 1
	tidy
}

tidy() {
	sweep || return 1
	while IFS= read -r folder; do
		rmdir -- "$folder" 2>/dev/null
	done <"$run/folders"
	# Only a run that has seen that nobody's edits were pending stages files.
	[ ! -f "$run/record.json" ] || settle
	unlock
	rm -rf "${run:?}"
}

commit() {
	keep_sockets || return 1
	move armed committed || return 1
	flush "$run"
	keep_original
	finish committed && prune
	return 0 # the change stays, whatever is left to do
}

# restore [SECONDS]: files first, then the daemon, until the port answers or
# the time is over; what is left to do then is the watchdog's.
restore() {
	if [ ! -f "$run/restoring" ] && ! move armed restoring; then
		clean && say cleaned && return
		fail "the run is over: its token says $(token)"
		return 1
	fi
	trouble=
	ends=$(($(seconds) + ${1:-600}))
	until put_back_all; do
		if [ "$(seconds)" -ge "$ends" ]; then
			if [ -n "$1" ]; then
				fail "not every file could be put back yet"
				return 1
			fi
			trouble='not every file could be put back; '
			break
		fi
		sleep 5
	done
	if [ -f "$run/reloaded" ]; then
		if ! restore_daemon "${1:-600}"; then
			if [ -n "$1" ]; then
				fail "the old files are back, and sshd does not listen yet"
				return 1
			fi
			trouble="${trouble}the port does not listen; "
		fi
	fi
	unguard_boot
	move restoring restored
	finish "restored${trouble:+ with trouble: $trouble}"
	say "restored $trouble"
	[ -z "$trouble" ]
}

restore_daemon() {
	case $way in
	'' | none | per-login | launchd) return 0 ;;
	esac
	until=$(($(seconds) + $1))
	while :; do
		if check_config 2>/dev/null; then
			if [ "$way" = systemd-socket ]; then
				refresh
				start_daemon
			elif alive; then
				refresh
			else
				start_daemon
			fi
		elif [ "$way" != systemd-socket ] && alive; then
			# Another's file is bad. A signal would end the daemon, which is well.
			return 0
		fi
		if answers; then
			return 0
		fi
		[ "$(seconds)" -lt "$until" ] || return 1
		pause 0.5
		answers && return 0
		sleep 4
	done
}

# --- judging ---

# inside VERB WORD…: runs a verb in a mount namespace of its own.
inside() {
	next=$1
	shift
	if [ "$namespaces" = no ] || [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
		return 9
	fi
	unshare -m /bin/sh "$run/transact.sh" "$next" "$run" "$(readlink /proc/self/ns/mnt)" "$@"
}

# enter OUTER: makes sure that nothing mounted from here on is seen outside.
enter() {
	here=$(readlink /proc/self/ns/mnt)
	if [ -z "$1" ] || [ -z "$here" ] || [ "$here" = "$1" ]; then
		return 1
	fi
	mount --make-rprivate / && cd /
}

# put_candidates [halfway]: binds every candidate over its target, in the order
# of the swap. A new or removed file needs a copy of its folder. With halfway,
# sshd must take every tree in between: where each login has an sshd of its
# own, it is live for a moment.
put_candidates() {
	read_manifest
	total=$files
	number=1
	while [ "$number" -le "$total" ]; do
		read_manifest "$number"
		case $kind in
		edit) mount --bind "$stage" "$real" || return 1 ;;
		*)
			copy_folder "${real%/*}" || return 1
			case $kind in
			create) cp -p -- "$stage" "$real" ;;
			remove) rm -f -- "$real" ;;
			esac || return 1
			;;
		esac
		if [ -n "${1-}" ] && [ "$number" -lt "$total" ]; then
			check_config || {
				fail "sshd refuses the files as they are in between, once $real has changed and the others have not"
				return 2
			}
		fi
		number=$((number + 1))
	done
}

# copy_folder FOLDER: a copy in memory, mounted over it. The copies end with
# the namespace.
copy_folder() {
	case "$copied" in
	*"|$1|"*) return 0 ;;
	esac
	copied="$copied|$1|"
	mkdir -p "$run/copy" && mount -t tmpfs -o size=16m,mode=700 none "$run/copy" || return 1
	mkdir "$run/copy/c" && cp -pR -- "$1/." "$run/copy/c/" || return 1
	mount --bind "$run/copy/c" "$1"
}
copied=

# judge_tree NAME MARK LOGIN…: what -t and -T say, framed by the mark.
judge_tree() {
	phase=$1
	frame=$2
	shift 2
	checked() {
		messages=$(sshd -t -dd 2>&1)
	}
	asked() {
		if [ -n "$login" ]; then
			messages=$(sshd -T -C "$login" 2>&1 >&3)
		else
			messages=$(sshd -T 2>&1 >&3)
		fi
	}
	with_folder checked
	printf '%s %s check %s\n%s\n%s end\n' "$frame" "$phase" "$status" "$messages" "$frame"
	for login in "$@"; do
		{ with_folder asked; } 3>&1
		printf '\n%s err\n%s\n%s end %s\n' "$frame" "$messages" "$frame" "$status"
	done
	drop_folder
}

judge() {
	frame=$1
	inside judge-inside "$@"
	status=$?
	if [ "$status" -ne 9 ]; then
		return "$status"
	fi
	# No namespace: the main file alone is judged where it is staged, several
	# files as a copy of the tree.
	say "$frame copy"
	judge_tree before "$@"
	candidate=$tree
	[ -n "$candidate" ] || return 8
	judge_tree after "$@"
}

# serve_one: becomes an sshd for the one connection on its standard streams, for
# a minute where there is a timeout(1): if the network fails for good, the end of
# the rehearsal never arrives.
serve_one() {
	for limit in 'timeout --foreground 60' 'timeout 60' ''; do
		# shellcheck disable=SC2086 # words, or none
		$limit true 2>/dev/null && break
	done
	set -- -i
	while IFS= read -r line; do
		case $line in
		'option '*) set -- "$@" "${line#option }" ;;
		esac
	done <"$run/manifest"
	[ -z "$candidate" ] || set -- "$@" -f "$candidate"
	# shellcheck disable=SC2086
	exec $limit "$program" "$@"
}

label() {
	read_manifest
	number=$files
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		if [ "$kind" != remove ]; then
			label_one || return 1
		fi
		number=$((number - 1))
	done
}

# label_one: security label and ACL as the target has them (rule 15).
label_one() {
	if [ -e /sys/fs/selinux/enforce ] && command -v chcon >/dev/null; then
		if [ "$kind" = edit ]; then
			chcon --reference="$real" -- "$stage" 2>/dev/null
			[ "$(stat -c %C -- "$real")" = "$(stat -c %C -- "$stage")" ]
		else
			restorecon -- "$stage" 2>/dev/null
		fi || {
			fail "the security label of $real cannot be given to a new file"
			return 1
		}
	fi
	# Without the programs, ls tells at least that there is more than the mode.
	if [ "$kind" = edit ] && ! command -v setfacl >/dev/null; then
		case $(ls -ld -- "$real") in
		??????????+*)
			fail "$real has an access list, and there is no getfacl and setfacl here to give it to a new file"
			return 1
			;;
		esac
	fi
	if [ "$kind" = edit ] && command -v getfacl >/dev/null && command -v setfacl >/dev/null; then
		wanted_acl=$(getfacl -cp -- "$real" 2>/dev/null) || return 0
		printf '%s\n' "$wanted_acl" | setfacl --set-file=- -- "$stage" 2>/dev/null
		[ "$(getfacl -cp -- "$stage" 2>/dev/null)" = "$wanted_acl" ] || {
			fail "the access list of $real cannot be given to a new file"
			return 1
		}
	fi
	return 0
}

# ask_ssh FILE WORD…: ssh with a file of ours. Where sudo has made us root, ssh
# runs as the login user, whose home it takes; our folder is closed to them, so
# the file comes through a pipe of their own.
ask_ssh() {
	config=$1
	shift
	if [ "$(id -u)" != 0 ] || [ "${SUDO_USER:-root}" = root ]; then
		"$ssh" -F "$config" "$@" </dev/null
		return
	fi
	# shellcheck disable=SC2016 # the inner shell expands it
	set -- /bin/sh -c 'cat | "$@"' sh "$ssh" -F /dev/stdin "$@"
	if command -v runuser >/dev/null; then
		runuser -u "$SUDO_USER" -- "$@" <"$config"
	else
		# shellcheck disable=SC2024 # we are root, and the file is ours
		sudo -n -u "$SUDO_USER" -- "$@" <"$config"
	fi
}

# judge_client MARK SSH LOGIN…: what ssh -G says with the old and the new file.
judge_client() {
	frame=$1
	ssh=$2
	shift 2
	for phase in before after; do
		printf '%s %s check 0\n\n%s end\n' "$frame" "$phase" "$frame"
		for login in "$@"; do
			{
				messages=$(ask_ssh "$run/$phase.conf" -G -- "$login" 2>&1 >&3)
				status=$?
			} 3>&1
			printf '\n%s err\n%s\n%s end %s\n' "$frame" "$messages" "$frame" "$status"
		done
	done
}

# --- the watchdog ---

# watch: until the token has moved, with a limit since the last sign of life,
# or since the arming. It reads no clock that can be set.
watch() {
	printf '%s %s\n' "$$" "$nonce" >"$run/guard.new" && mv -f "$run/guard.new" "$run/guard"
	since=$(seconds)
	seen='' phase=preparing
	while :; do
		now=$(seconds)
		at=$(token)
		case $at in
		preparing)
			beat=$(cat "$run/beat" 2>/dev/null)
			if [ "$beat" != "$seen" ]; then
				seen=$beat since=$now
			fi
			if [ $((now - since)) -ge "$timeout" ]; then
				clean
			fi
			;;
		armed)
			if [ "$phase" = preparing ]; then
				phase=armed since=$now
			fi
			if [ $((now - since)) -ge "$timeout" ]; then
				restore >/dev/null 2>&1
			fi
			;;
		restoring)
			# Its owner may be gone: restore is idempotent.
			if [ "$phase" != restoring ]; then
				phase=restoring since=$now
			fi
			if [ $((now - since)) -ge 30 ]; then
				restore >/dev/null 2>&1
				since=$now
			fi
			;;
		committed | restored | cleaned)
			# Whoever moved the token may have died before the rest, or could not
			# do it.
			if [ -f "$run/verdict" ]; then
				exit 0
			fi
			if [ "$phase" != over ]; then
				phase=over since=$now ends=$((now + 600)) tried=$now
			elif [ "$now" -ge "$ends" ]; then
				exit 1
			elif [ $((now - tried)) -ge 5 ]; then
				tried=$now
				case $at in
				cleaned) tidy ;;
				*) finish "$at" ;;
				esac
			fi
			;;
		*) exit 0 ;;
		esac
		sleep 1
	done
}

session_of() {
	awk '{ sub(/.*\) /, ""); print $4 }' "/proc/$1/stat" 2>/dev/null || ps -o sess= -p "$1"
}

# control_group PID: of systemd's hierarchy.
control_group() {
	sed -n 's/^0:://p; s/^[0-9]*:name=systemd://p' "/proc/$1/cgroup" | tail -n 1
}

# ends_at_logout: logind ends all that a plain user started when they have
# logged out (KillUserProcesses in logind.conf(5)); root is left alone.
ends_at_logout() {
	[ -d /run/systemd/system ] && [ "$(id -u)" != 0 ] || return 1
	[ "$(control_group self)" = "$(control_group "$guard_pid")" ] || return 1
	case $(busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses 2>/dev/null) in
	'b true') return 0 ;;
	esac
	return 1
}

# armed: the watchdog lives, and does not end when our connection does.
guarded() {
	read -r guard_pid guard_nonce <"$run/guard" 2>/dev/null || return 1
	[ "$guard_nonce" = "$nonce" ] && living "$guard_pid" || return 1
	[ "$(session_of "$guard_pid")" != "$(session_of $$)" ] || return 1
	if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
		ours=$(control_group self)
		its=$(control_group "$guard_pid")
		case $ours in
		/ | '') ;;
		*) [ "$ours" != "$its" ] || return 1 ;;
		esac
	fi
}

arm() {
	tries=0
	until guarded; do
		tries=$((tries + 1))
		if [ "$tries" -gt 50 ]; then
			fail "the watchdog does not run: the host would not be restored if this connection broke"
			return 1
		fi
		pause 0.1
	done
	if ends_at_logout; then
		fail "KillUserProcesses is set here: the watchdog would end with this connection, and the host would not be restored; use become = \"sudo\", or a user in KillExcludeUsers"
		return 1
	fi
	guard_boot || return 1
	move preparing armed || {
		fail "the run is over: its token says $(token)"
		return 1
	}
	flush "$run"
}

swap() {
	if [ "$(token)" != armed ]; then
		fail "the run is over: its token says $(token)"
		return 1
	fi
	if [ -f "$run/locked" ] && [ "$(sed -n 's/^id //p' "$state/lock" 2>/dev/null)" != "$id" ]; then
		fail "the lock is another run's by now"
		return 1
	fi
	publish_all || return
	number=$files
	while [ "$number" -gt 0 ]; do
		read_manifest "$number"
		flush "${real%/*}/"
		number=$((number - 1))
	done
}

reload() {
	[ "$(token)" = armed ] || return 1
	case $way in
	'' | none) return 0 ;;
	esac
	: >"$run/reloaded"
	check_config || return 1
	if ! refresh; then
		fail "sshd shows no sign that it has read its files"
		return 1
	fi
}

main() {
	read_manifest || exit 2
	[ "$verb" = watch ] || [ "$verb" = boot ] || date +%s.%N >"$run/beat" 2>/dev/null
	case $verb in
	watch) watch ;;
	boot)
		# sshd is started after us and reads what we leave.
		rm -f "$run/reloaded"
		restore
		;;
	judge)
		shift 2
		label || exit 7
		judge "$@"
		status=$?
		rmdir "$run/copy" 2>/dev/null
		exit "$status"
		;;
	judge-inside)
		shift 2
		enter "$1" || exit 9
		shift
		judge_tree before "$@"
		put_candidates halfway
		case $? in
		0) ;;
		2) exit 6 ;;
		*) exit 8 ;;
		esac
		judge_tree after "$@"
		;;
	judge-client)
		shift 2
		label || exit 7
		judge_client "$@"
		;;
	rehearse)
		inside rehearse-inside "$3"
		status=$?
		if [ "$status" -eq 9 ]; then
			[ "$3" = live ] || candidate=$tree
			serve_one
		fi
		exit "$status"
		;;
	rehearse-inside)
		enter "$3" || exit 9
		[ "$4" = live ] || put_candidates || exit 8
		need_folder
		serve_one
		;;
	arm) arm ;;
	swap) swap ;;
	reload) reload ;;
	commit) commit ;;
	restore) restore "$3" ;;
	clean) clean ;;
	token)
		say "token $(token)"
		[ ! -f "$run/verdict" ] || say "verdict $(cat "$run/verdict")"
		;;
	*) exit 2 ;;
	esac
	exit
}

main "$@"
