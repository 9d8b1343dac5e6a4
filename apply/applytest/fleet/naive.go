package fleet

import (
	"io"

	"golang.org/x/crypto/ssh"
)

// NaiveCommand is what a client without any care would run: whatever comes on
// standard input becomes sshd_config, sshd checks it and is reloaded, and then
// says what is in force. It is for the floor that benchmarks compare with.
const NaiveCommand = "cd /etc/ssh && umask 077 && cat >new && { [ ! -s new ] || { sshd -t -f new && mv new sshd_config && systemctl reload ssh; }; } && sshd -T"

// RehearseCommand becomes an sshd for one login on the streams of the program.
// It is for the same floor.
const RehearseCommand = "exec /usr/sbin/sshd -i"

// Questions is what a client sends to /bin/sh to learn what a plan has to know
// of a host besides its files: what the machine is and which sshd listens, what
// sshd -T says, and when the daemon read its files. Of each script it has the
// line by which a simulated host knows it and no more, so that the floor sends
// next to nothing. Each of the three answers ends with a line that begins with
// the nonce, of 32 hexadecimal digits, and so does the beginning.
func Questions(nonce string) string {
	return "printf '%s 0 0\\n' " + nonce + `
sshform_step 1 '# Tells what the machine is, who works on it, and which sshd listens.' session
sshform_step 2 '# Asks sshd or ssh what is in force for each of some logins.' mark -T /usr/sbin/sshd 0 ''
sshform_step 3 '# Tells when the daemon read its files last and when the files changed last,' 1 2 3 4 5 0 ` + mainFile + "\n"
}

// changeNaively does what NaiveCommand says.
func (h *Host) changeNaively(ch ssh.Channel) int {
	content, err := io.ReadAll(ch)
	if err != nil {
		return 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(content) > 0 {
		if _, said, status := h.judge(map[string][]byte{mainFile: content}); status != 0 {
			io.WriteString(ch.Stderr(), complaint(said)+"\n")
			return status
		}
		h.put(mainFile, content, 0o644)
		h.reload()
	}
	dump, _, _ := h.judge(nil)
	ch.Write(dump)
	return 0
}
