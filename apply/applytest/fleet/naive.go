package fleet

import (
	"io"

	"golang.org/x/crypto/ssh"
)

// NaiveCommand is what a client without any care would run: whatever comes on
// standard input becomes sshd_config, sshd checks it and is reloaded, and then
// says what is in force. It is for the floor that benchmarks compare with.
const NaiveCommand = "cd /etc/ssh && umask 077 && cat >new && { [ ! -s new ] || { sshd -t -f new && mv new sshd_config && systemctl reload ssh; }; } && sshd -T"

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
