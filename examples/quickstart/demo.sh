#!/bin/sh
# The main job, shown on a real sshd: plan, apply, plan again, and the keepalive
# request that the sshd now sends.
#
#   sh examples/quickstart/demo.sh [SSHFORM]
#
# The sshd is a private one, on a loopback port, with its own host key,
# configuration and authorised key in a temporary folder that is removed at
# the end. Nothing else of this machine is touched. It needs no root.
set -eu

sshform=${1:-./sshform}
case $sshform in
/*) ;;
*) sshform=$(pwd)/$sshform ;;
esac
here=$(cd "$(dirname "$0")" && pwd)

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

# What is missing is installed where that can be done without asking.
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
need=''
command -v sshd >/dev/null || need="openssh-server openssh-sftp-server"
command -v ssh >/dev/null || need="$need openssh-client"
if [ -n "$need" ]; then
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		echo "this needs OpenSSH; install:$need" >&2
		exit 1
	fi
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of packages
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
fi
sshd=$(command -v sshd)

dir=$(mktemp -d "${TMPDIR:-/tmp}/sshform-demo.XXXXXX")
sshd_pid='' watch_pid='' made_run=''
cleanup() {
	trap - EXIT INT TERM
	[ -z "$watch_pid" ] || kill "$watch_pid" 2>/dev/null || :
	[ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null || :
	[ -z "$made_run" ] || rmdir /run/sshd 2>/dev/null || :
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# As root, Debian's sshd insists on the folder that its service makes at start.
if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
	mkdir -m 0755 /run/sshd
	made_run=yes
fi

ssh-keygen -q -t ed25519 -N '' -C 'sshform demo host' -f "$dir/host_key"
ssh-keygen -q -t ed25519 -N '' -C 'sshform demo user' -f "$dir/id_ed25519"
cp "$dir/id_ed25519.pub" "$dir/authorized_keys"
mkdir "$dir/sshd_config.d"
sftp=internal-sftp
for path in /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec; do
	[ ! -x "$path/sftp-server" ] || sftp=$path/sftp-server
done

# A drop-in, as an image of a cloud brings it: it decides, since it is read first.
cat >"$dir/sshd_config.d/50-cloud.conf" <<-END
	ClientAliveInterval 420
END

configure() {
	cat >"$dir/sshd_config" <<-END
		# The sshd of the sshform demo.
		Include $dir/sshd_config.d/*.conf

		Port $1
		ListenAddress 127.0.0.1
		HostKey $dir/host_key
		PidFile $dir/sshd.pid
		AuthorizedKeysFile $dir/authorized_keys
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		SetEnv SSHFORM_STATE=$dir/state
		#ClientAliveInterval 0
		#ClientAliveCountMax 3
		Subsystem sftp $sftp

		Match User nobody
		    ForceCommand /bin/false
	END
}

# A port that is taken shows at once: sshd says so and ends.
start() {
	configure "$1"
	"$sshd" -D -f "$dir/sshd_config" -E "$dir/log" &
	sshd_pid=$!
	while kill -0 "$sshd_pid" 2>/dev/null; do
		! grep -q "Server listening" "$dir/log" 2>/dev/null || return 0
		sleep 0.1
	done
	sshd_pid=''
	return 1
}
port=$((20000 + $$ % 20000))
tries=0
until start "$port"; do
	tries=$((tries + 1))
	if [ "$tries" -ge 10 ]; then
		echo "sshd does not start:" >&2
		cat "$dir/log" >&2
		exit 1
	fi
	port=$((port + 7))
done
printf '[127.0.0.1]:%s %s\n' "$port" "$(cat "$dir/host_key.pub")" >"$dir/known_hosts"

cp "$here/main.sshform.hcl" "$dir/"
cd "$dir"
cp sshd_config sshd_config.before
SSHFORM_VAR_probe_seconds=3
SSHFORM_VAR_port=$port
SSHFORM_VAR_user=$(id -un)
SSHFORM_VAR_key=$dir/id_ed25519
SSHFORM_VAR_known_hosts=$dir/known_hosts
SSHFORM_VAR_config=$dir/sshd_config
export SSHFORM_VAR_probe_seconds SSHFORM_VAR_port SSHFORM_VAR_user SSHFORM_VAR_key \
	SSHFORM_VAR_known_hosts SSHFORM_VAR_config
export SSHFORM_IN_AUTOMATION=1

say "A private sshd listens on 127.0.0.1 port $port. Its sshd_config:"
grep -v '^$' sshd_config
say "and a drop-in that is read before the rest, 50-cloud.conf:"
cat sshd_config.d/50-cloud.conf

say "sshform plan"
"$sshform" plan

say "sshform apply -auto-approve"
"$sshform" apply -auto-approve

say "sshform plan, once more"
"$sshform" plan | tee second-plan
grep -q '^No changes\.' second-plan

say "What changed in sshd_config"
if diff -u sshd_config.before sshd_config; then
	echo "nothing changed" >&2
	exit 1
fi

say "A connection that says nothing: soon sshd asks for a sign of life"
echo "(after 3 seconds; OpenSSH 9.2 to 9.4 wait twice as long as configured)"
: >watch
ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityFile="$dir/id_ed25519" \
	-o UserKnownHostsFile="$dir/known_hosts" -o ServerAliveInterval=0 \
	-p "$port" -vvv -N "$(id -un)@127.0.0.1" 2>>watch </dev/null &
watch_pid=$!
waited=0
until grep -q 'rtype keepalive@openssh.com' watch; do
	waited=$((waited + 1))
	if [ "$waited" -ge 600 ] || ! kill -0 "$watch_pid" 2>/dev/null; then
		echo "no keepalive request came" >&2
		tail -n 5 watch >&2
		exit 1
	fi
	sleep 0.1
done
grep -m 1 'rtype keepalive@openssh.com' watch
printf '\nIt came. Nothing else on this machine was touched, and the private sshd ends now.\n'
