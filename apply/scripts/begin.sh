# Takes the lock, lays down the folder of the run and starts the watchdog.
#
#   $1  state folder          $2  id of the run        $3  its nonce
#   $4  text of the lock, empty to take none; "%UP" and "%BOOT" are filled in
#   $5  how long the lock is good for, in seconds of the host's uptime
#   $6  text of the manifest  $7  text of transact.sh
#   …   paths: files, or folders with a slash at the end
#
# Prints "locked LINE" for each line of a foreign lock and exits with 4; else
# "digest NUMBER HEX" for each path, HEX being "-" when it is not there and
# empty when nothing here can tell; and "unfit WORD PATH" for each file of the
# manifest that cannot or must not be replaced.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH
umask 077

state=$1 id=$2 nonce=$3 lock=$4 good_for=$5 manifest=$6 script=$7
shift 7
run=$state/runs/$id

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# ours FOLDER: nobody else may own our folders, write to them or lead them
# elsewhere.
ours() {
	[ -d "$1" ] && [ ! -L "$1" ] || return 1
	facts=$(ls -ldn -- "$1" | awk '{ print $1, $3 }')
	[ "${facts##* }" = "$(id -u)" ] || return 1
	case $facts in
	?????w* | ????????w*) return 1 ;;
	esac
}

uptime_now() {
	if [ -r /proc/uptime ]; then
		read -r up rest </proc/uptime
		: "$rest"
		printf '%s' "${up%%.*}"
	else
		date +%s
	fi
}

boot_now() {
	cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.boottime 2>/dev/null | sed 's/.*sec = \([0-9]*\).*/\1/' || :
}

field() {
	sed -n "s/^$1 //p" "$2" 2>/dev/null | head -n 1
}

show_lock() {
	sed 's/^/locked /' "$state/lock" 2>/dev/null
	exit 4
}

# expired: the holder of the lock that was seen cannot be at work any more. The
# wall clock is not asked.
expired() {
	[ "$(field boot "$seen")" != "$(boot_now)" ] && return 0
	until=$(field until "$seen" | tr -dc 0-9)
	[ -n "$until" ] && [ "$(uptime_now)" -gt "$until" ]
}

# take_over: one claimant only, by an exclusive link that names the holder; it
# settles the holder's run before the lock changes hands. What was seen may be
# another's lock by now: under the claim it must still be the same.
take_over() {
	holder=$(field id "$seen")
	case $holder in
	'' | */* | .*) holder=unknown ;;
	esac
	claim=$state/takeover.$holder
	ln -- "$draft" "$claim" 2>/dev/null || show_lock
	if ! cmp -s "$seen" "$state/lock"; then
		rm -f "$claim"
		show_lock
	fi
	dead=$state/runs/$holder
	if [ -f "$dead/transact.sh" ]; then
		if [ -f "$dead/preparing" ]; then
			/bin/sh "$dead/transact.sh" clean "$dead" >/dev/null
		elif [ -f "$dead/armed" ] || [ -f "$dead/restoring" ]; then
			/bin/sh "$dead/transact.sh" restore "$dead" 30 >/dev/null || {
				rm -f "$claim"
				fail "the run $holder was interrupted and cannot be settled"
			}
		fi
	fi
	# Settling may have unlocked; then somebody else may have come.
	if cmp -s "$seen" "$state/lock"; then
		rm -f "$state/lock"
	fi
	ln -- "$draft" "$state/lock" 2>/dev/null
	status=$?
	rm -f "$claim"
	return "$status"
}

digest() {
	if [ ! -e "$1" ]; then
		printf -- -
		return
	fi
	case $1 in
	*/) ls -A -- "$1" | sort | sum ;;
	*) sum <"$1" ;;
	esac 2>/dev/null
}

sum() {
	{ sha256sum || shasum -a 256 || openssl dgst -sha256 -r || sha256; } 2>/dev/null |
		tr -d '\n' | sed 's/[^0-9a-f].*//'
}

# start_watchdog: out of our session and control group, so that it lives on
# when the connection ends.
start_watchdog() {
	if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
		systemd-run --quiet --collect --no-ask-password --unit="sshform-guard-$id" \
			--property=KillMode=process --description="sshform: guard of run $id" \
			/bin/sh "$run/transact.sh" watch "$run" </dev/null >/dev/null 2>&1 && return
	fi
	cd / || return
	if command -v setsid >/dev/null; then
		(setsid /bin/sh "$run/transact.sh" watch "$run" </dev/null >/dev/null 2>&1 &)
	else
		(nohup /bin/sh "$run/transact.sh" watch "$run" </dev/null >/dev/null 2>&1 &)
	fi
}

mkdir -p -- "$state/runs" 2>/dev/null
if ! ours "$state" || ! ours "$state/runs"; then
	fail "$state: it is missing, or others may write to it or own it"
fi

if [ -n "$lock" ]; then
	draft=$state/.lock.$id
	printf '%s\nboot %s\nuntil %s\n' "$lock" "$(boot_now)" $(($(uptime_now) + good_for)) >"$draft" || fail "cannot write to $state"
	seen=$state/.seen.$id
	trap 'rm -f "$draft" "$seen"' EXIT
	tries=0
	until ln -- "$draft" "$state/lock" 2>/dev/null; do
		tries=$((tries + 1))
		if cp -- "$state/lock" "$seen" 2>/dev/null; then
			expired || show_lock
			take_over && break
			show_lock
		fi
		# It was released at this very moment, or links cannot be made here.
		[ "$tries" -lt 20 ] || fail "$state/lock cannot be made"
	done
fi

undo() {
	rm -rf "${run:?}"
	[ -z "$lock" ] || rm -f "$state/lock"
	fail "$1"
}
# make_folders: the folder of a new file, such as ~/.ssh, may be missing.
make_folders() {
	: >"$run/folders" || return
	sed -n 's/^real //p' "$run/manifest" | while IFS= read -r real; do
		folder=${real%/*}
		if [ -n "$folder" ] && [ ! -e "$folder" ]; then
			mkdir -m 700 -- "$folder" || return
			# Behind sudo it is the person's, as its parent is.
			[ "$(id -u)" != 0 ] || chown -- "$(owner_of "${folder%/*}")" "$folder" || return
			printf '%s\n' "$folder" >>"$run/folders"
		fi
	done
}

lay_down() {
	mkdir "$run/old" || return
	printf '%s' "$script" >"$run/transact.sh" || return
	chmod 700 "$run/transact.sh" || return
	printf '%s' "$manifest" >"$run/manifest" || return
	make_folders || return
	sed -n 's/^treefolder //p' "$run/manifest" | while IFS= read -r folder; do
		mkdir -p -- "$run/tree$folder" || return
	done || return
	if [ -n "$lock" ]; then
		: >"$run/locked" || return
	fi
	printf '%s\n' "$nonce" >"$run/preparing"
}

# owner_of PATH: user and group, as numbers.
owner_of() {
	ls -ldn -- "${1:-/}" | awk '{ print $3 ":" $4 }'
}

# mounted PATH: what the kernel's table of mounts has against replacing it.
# Blanks in paths are octal there (proc(5)).
mounted() {
	[ -r /proc/self/mountinfo ] || return 0
	file=$(printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g') awk '
		BEGIN { file = ENVIRON["file"]; longest = 0 }
		$5 == file { point = 1 }
		{ at = $5; sub(/\/$/, "", at); at = at "/" }
		index(file, at) == 1 && length(at) >= longest { longest = length(at); options = "," $6 "," $NF "," }
		END { if (point) print "mount"; else if (options ~ /,ro,/) print "readonly" }
	' /proc/self/mountinfo
}

# frozen PATH: chattr +i or +a. A file system that knows no such flags is fine.
frozen() {
	[ -e "$1" ] || return 1
	flags=$(lsattr -d -- "$1" 2>/dev/null) || return 1
	case ${flags%% *} in
	*[ia]*) return 0 ;;
	esac
	return 1
}

person_uid=$(id -u -- "${SUDO_USER:-$(id -un)}" 2>/dev/null)
person_gid=$(id -g -- "${SUDO_USER:-$(id -un)}" 2>/dev/null)

# shared FOLDER: others may put files of their own in the place of ours. With
# the sticky bit they may not; a group of root's or of the user alone is no
# other.
shared() {
	facts=$(ls -ldn -- "$1" | awk '{ print $1, $3, $4 }')
	owner=${facts#* }
	group=${owner#* }
	owner=${owner% *}
	case $owner in
	0 | "$(id -u)" | "$person_uid") ;;
	*) return 0 ;;
	esac
	case $facts in
	?????????[tT]*) return 1 ;;
	????????w*) return 0 ;;
	?????w*)
		case $group in
		0 | "$(id -g)" | "$person_gid") ;;
		*) return 0 ;;
		esac
		;;
	esac
	return 1
}

# unfit: why files of the manifest cannot or must not be replaced.
unfit() {
	sed -n 's/^real //p' "$run/manifest" | while IFS= read -r real; do
		word=$(mounted "$real")
		[ -z "$word" ] || printf 'unfit %s %s\n' "$word" "$real"
		for path in "$real" "${real%/*}"; do
			if frozen "${path:-/}"; then
				printf 'unfit frozen %s\n' "${path:-/}"
			fi
		done
		folder=${real%/*}
		while :; do
			if shared "${folder:-/}"; then
				printf 'unfit shared %s\n' "${folder:-/}"
			fi
			[ -n "$folder" ] || break
			folder=${folder%/*}
		done
	done
}

mkdir -- "$run" || fail "$run cannot be made"
lay_down || undo "$run cannot be written"
start_watchdog

# All at once: sshd makes a packet of each piece that it is given.
told=$(
	unfit
	number=0
	for path in "$@"; do
		printf 'digest %s %s\n' "$number" "$(digest "$path")"
		number=$((number + 1))
	done
)
[ -z "$told" ] || printf '%s\n' "$told"
exit 0
