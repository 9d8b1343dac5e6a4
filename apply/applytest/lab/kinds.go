//go:build linux

package lab

// An image is a Debian system that hosts only read: a suite, or packages over
// another image. Its script runs inside, after the packages are there.
type image struct {
	suite, over string
	packages    string
	script      string
}

const (
	common  = "passwd openssh-server openssh-client sudo iproute2 procps mount acl attr "
	systemd = "systemd-sysv libpam-systemd dbus "

	accounts = `
for u in admin ops plain; do useradd -m -s /bin/bash -p '*' $u; done
echo ops:ops-password | chpasswd
printf '%s\n' 'admin ALL=(ALL:ALL) NOPASSWD: ALL' 'ops ALL=(ALL:ALL) ALL' > /etc/sudoers.d/lab
chmod 440 /etc/sudoers.d/lab
rm -f /etc/ssh/ssh_host_*
`
	// Password prompts on the console are masked because each would take one of
	// the few inotify instances that all hosts share.
	quietSystemd = `
cd /etc/systemd/system
rm -f timers.target.wants/* getty.target.wants/* multi-user.target.wants/e2scrub*
ln -s /dev/null systemd-ask-password-console.path
ln -s /dev/null systemd-ask-password-wall.path
`
	quietInittab = `sed -i -E 's/^([0-9]:.*getty)/#\1/' /etc/inittab`
)

var images = map[string]image{
	"bookworm": {suite: "bookworm", packages: common, script: accounts},
	"bullseye": {suite: "bullseye", packages: common + systemd, script: accounts + quietSystemd},
	"trixie":   {suite: "trixie", packages: common + systemd, script: accounts + quietSystemd},
	"sid":      {suite: "sid", packages: common + systemd, script: accounts + quietSystemd},

	"systemd": {over: "bookworm", packages: systemd, script: quietSystemd},
	"shells":  {over: "systemd", packages: "fish csh"},
	"sysvinit": {over: "bookworm", packages: "sysvinit-core sysv-rc orphan-sysvinit-scripts",
		script: quietInittab},
	"openrc": {over: "bookworm", packages: "sysvinit-core openrc orphan-sysvinit-scripts",
		script: quietInittab},
	"runit": {over: "bookworm", packages: "runit-init runit-services", script: `
rm -f /etc/runit/runsvdir/default/getty-*
ln -sf /etc/sv/ssh /etc/runit/runsvdir/default/ssh`},
	"dropbear": {over: "systemd", packages: "dropbear", script: `
apt-get purge -y openssh-server
rm -rf /etc/ssh/sshd_config*`},
}

// A start is how hosts come up, as shell text: what PID 1 is, and how sshd is
// made to run again when a test has done with it.
type start struct{ init, restart string }

var (
	bySystemd = start{"exec /sbin/init", "systemctl reset-failed; systemctl restart ssh"}
	bySSHD    = start{"exec /sbin/init", "systemctl reset-failed; systemctl restart sshd"}
	bySocket  = start{"exec /sbin/init", `
systemctl stop 'ssh*.service'; systemctl reset-failed; systemctl restart ssh.socket`}
	bySysV   = start{"exec /sbin/init", "service ssh restart"}
	byOpenRC = start{"exec /sbin/init", "rc-service ssh restart"}
	byRunit  = start{"exec /sbin/init", "sv restart ssh"}
	// sshd is PID 1, as in a container: the host ends with it.
	byItself = start{"mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e", untilClosed("kill -HUP 1")}
	// A PID 1 that knows nothing of services and only reaps.
	byHand = start{`
mkdir -p /run/sshd; /usr/sbin/sshd
exec sh -c 'trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done'`,
		untilClosed("kill $(cat /run/sshd.pid)") + "/usr/sbin/sshd"}
	byDropbear = start{"exec /sbin/init", "systemctl restart dropbear"}
)

// untilClosed sends a signal and waits until sshd has taken it: until then its
// old socket still listens.
func untilClosed(signal string) string {
	return `
sockets() { awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6; }
open=$(sockets)
` + signal + `
while [ -n "$open" ] && [ "$(sockets)" = "$open" ]; do sleep 0.01; done
`
}

// A Kind is one kind of host.
type Kind struct {
	Name  string
	About string
	// User is the login that a test uses; Sudo says that it becomes root by
	// sudo, which asks for Password unless that is empty.
	User     string
	Sudo     bool
	Password string
	Port     int
	// Behind says that the host is reached through a bastion only.
	Behind bool

	image    string
	start    start
	bothNets bool   // a leg in front and one in the back
	setup    string // shell text, run as root before the first start
	optional bool   // its suite may be missing
}

// users are the accounts of every host besides root; all take the lab's key.
// admin has sudo without a password, ops has it with "ops-password", plain has
// none.
var users = []string{"admin", "ops", "plain"}

const socketUnits = `
cd /etc/systemd/system
rm -f multi-user.target.wants/ssh.service sshd.service
mkdir -p sockets.target.wants
ln -s /lib/systemd/system/ssh.socket sockets.target.wants/ssh.socket`

// As on Fedora and SUSE: the unit's own name is sshd, and there is no ssh.
const sshdUnit = `
cd /etc/systemd/system
rm -f multi-user.target.wants/ssh.service sshd.service
sed '/^Alias=/d' /lib/systemd/system/ssh.service > sshd.service
rm -f /lib/systemd/system/ssh.service /lib/systemd/system/ssh.socket /etc/init.d/ssh /etc/rc?.d/*ssh
ln -s ../sshd.service multi-user.target.wants/sshd.service`

const cloudInit = `
cd /etc/ssh/sshd_config.d
printf 'PasswordAuthentication yes\n' > 50-cloud-init.conf
printf 'ClientAliveInterval 120\nPasswordAuthentication no\n' > 60-cloudimg-settings.conf
chmod 600 *.conf`

// Kinds lists all kinds of host.
func Kinds() []Kind {
	admin := func(k Kind) Kind { k.User, k.Sudo = "admin", true; return k }
	list := []Kind{
		admin(Kind{Name: "systemd", About: "ssh.service, OpenSSH 9.2"}),
		admin(Kind{Name: "sshd-unit", About: "the unit is named sshd", start: bySSHD, setup: sshdUnit}),
		admin(Kind{Name: "socket", About: "ssh.socket with Accept=no, Debian 12", start: bySocket, setup: socketUnits}),
		admin(Kind{Name: "socket-trixie", About: "the same, OpenSSH 10.0", image: "trixie", start: bySocket, setup: socketUnits}),
		admin(Kind{Name: "socket-each", About: "ssh.socket with Accept=yes, OpenSSH 8.4", image: "bullseye", start: bySocket, setup: socketUnits}),
		admin(Kind{Name: "sysvinit", About: "init script", image: "sysvinit", start: bySysV}),
		admin(Kind{Name: "openrc", About: "init script under OpenRC", image: "openrc", start: byOpenRC}),
		admin(Kind{Name: "runit", About: "supervised by runit", image: "runit", start: byRunit}),
		{Name: "bare", About: "sshd is PID 1", User: "root", image: "bookworm", start: byItself},
		admin(Kind{Name: "daemon", About: "sshd started by hand, no service manager", image: "bookworm", start: byHand}),
		{Name: "root", About: "login as root", User: "root"},
		{Name: "sudo-password", About: "sudo asks for a password, root may not log in",
			User: "ops", Sudo: true, Password: "ops-password",
			setup: `sed -i 's/^#PermitRootLogin .*/PermitRootLogin no/' /etc/ssh/sshd_config`},
		admin(Kind{Name: "requiretty", About: "sudo wants a terminal",
			setup: `sed -i '1i Defaults requiretty' /etc/sudoers.d/lab`}),
		{Name: "no-sudo", About: "no sudo at all", User: "plain", Sudo: true, setup: "rm /usr/bin/sudo"},
		admin(Kind{Name: "cloud-init", About: "drop-ins that win", setup: cloudInit}),
		admin(Kind{Name: "match", About: "sshd_config ends in a Match block",
			setup: `printf '\nMatch User plain\n\tX11Forwarding no\n\tClientAliveInterval 5\n' >> /etc/ssh/sshd_config`}),
		admin(Kind{Name: "internal-sftp", About: "Subsystem sftp internal-sftp",
			setup: `sed -i -E 's/^(Subsystem\s+sftp\s).*/\1internal-sftp/' /etc/ssh/sshd_config`}),
		admin(Kind{Name: "no-sftp", About: "no SFTP subsystem",
			setup: `sed -i -E 's/^Subsystem\s+sftp\s/#&/' /etc/ssh/sshd_config`}),
		admin(Kind{Name: "port-2222", About: "listens on 2222", Port: 2222,
			setup: `sed -i 's/^#Port 22$/Port 2222/' /etc/ssh/sshd_config`}),
		admin(Kind{Name: "fish", About: "the login shell is fish", image: "shells", setup: "usermod -s /usr/bin/fish admin"}),
		admin(Kind{Name: "csh", About: "the login shell is csh", image: "shells", setup: "usermod -s /bin/csh admin"}),
		admin(Kind{Name: "noisy", About: "the profile prints text",
			setup: `sed -i '1i echo "Welcome to noisy, $USER"; echo "mind the gap" >&2' /home/admin/.bashrc`}),
		admin(Kind{Name: "max-sessions", About: "one session a connection",
			setup: `sed -i 's/^#MaxSessions .*/MaxSessions 1/' /etc/ssh/sshd_config`}),
		admin(Kind{Name: "force-command", About: "the login runs one program only",
			setup: `printf '\nMatch User admin\n\tForceCommand /bin/date\n' >> /etc/ssh/sshd_config`}),
		admin(Kind{Name: "chroot", About: "the login sees its home only, by SFTP only",
			setup: `
chown root: /home/admin; chmod 755 /home/admin
printf '\nMatch User admin\n\tChrootDirectory %%h\n\tForceCommand internal-sftp\n' >> /etc/ssh/sshd_config`}),
		admin(Kind{Name: "bullseye", About: "OpenSSH 8.4", image: "bullseye"}),
		admin(Kind{Name: "trixie", About: "OpenSSH 10.0", image: "trixie"}),
		admin(Kind{Name: "sid", About: "the newest OpenSSH in Debian", image: "sid", optional: true}),
		{Name: "dropbear", About: "not OpenSSH", User: "root", image: "dropbear", start: byDropbear},
		admin(Kind{Name: "bastion", About: "on both networks", bothNets: true}),
		admin(Kind{Name: "inner", About: "reached through the bastion only", Behind: true}),
	}
	for i := range list {
		k := &list[i]
		if k.image == "" {
			k.image = "systemd"
		}
		if k.start.init == "" {
			k.start = bySystemd
		}
		if k.Port == 0 {
			k.Port = 22
		}
	}
	return list
}
