package fleet

import (
	_ "embed"

	"bytes"
	"fmt"
	"path"
	"strings"
)

// effective is what sshd 9.2 of Debian 12 prints for `-T` with the stock file.
//
//go:embed effective.txt
var effective []byte

// managed are the keywords that change what sshd -T prints. The simulated sshd
// takes them as plain numbers or words, as this project writes them.
var managed = map[string]bool{
	"clientaliveinterval": true, "clientalivecountmax": true, "tcpkeepalive": true, "logingracetime": true,
}

// stockKeywords are those in Debian's file: effective has their arguments.
var stockKeywords = map[string]bool{
	"kbdinteractiveauthentication": true, "usepam": true, "x11forwarding": true, "printmotd": true,
	"acceptenv": true, "subsystem": true,
}

// check is what `sshd -t -dd` and `sshd -T` do with the files: the dump, what
// is said on stderr, and the exit status. read gives the content of a file.
func check(read func(string) ([]byte, bool), dropIns []string) (dump []byte, said string, status int) {
	set := map[string]string{}
	var debug strings.Builder
	complaint := resolve(mainFile, read, dropIns, set, &debug)
	if complaint != "" {
		return nil, debug.String() + complaint + "\r\n" + mainFile + ": terminating, 1 bad configuration options\r\n", 255
	}
	var out bytes.Buffer
	for line := range bytes.Lines(effective) {
		keyword, _, _ := bytes.Cut(line, []byte(" "))
		if argument, known := set[string(keyword)]; known {
			fmt.Fprintf(&out, "%s %s\n", keyword, argument)
			continue
		}
		out.Write(line)
	}
	return out.Bytes(), debug.String(), 0
}

// resolve reads one file into set: the first obtained value counts.
func resolve(name string, read func(string) ([]byte, bool), dropIns []string, set map[string]string, debug *strings.Builder) (complaint string) {
	content, _ := read(name)
	fmt.Fprintf(debug, "debug2: load_server_config: filename %s\r\n", name)
	fmt.Fprintf(debug, "debug2: load_server_config: done config len = %d\r\n", len(content))
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		keyword := strings.ToLower(words[0])
		switch {
		case keyword == "include" && len(words) == 2 && words[1] == dropInDir+"/*.conf":
			for _, name := range dropIns {
				if complaint := resolve(path.Join(dropInDir, name), read, nil, set, debug); complaint != "" {
					return complaint
				}
			}
		case managed[keyword] && len(words) == 2:
			if _, before := set[keyword]; !before {
				set[keyword] = words[1]
			}
		case stockKeywords[keyword]:
		default:
			return fmt.Sprintf("%s: line %d: Bad configuration option: %s", name, number, words[0])
		}
	}
	return ""
}

// judge checks the host's files, with some of them replaced.
func (h *Host) judge(instead map[string][]byte) (dump []byte, said string, status int) {
	read := func(name string) ([]byte, bool) {
		if content, replaced := instead[name]; replaced {
			return content, true
		}
		f := h.files[name]
		if f == nil {
			return nil, false
		}
		return f.bytes, true
	}
	var dropIns []string
	for _, name := range h.names(dropInDir) {
		// A pattern without a leading dot takes no hidden file (glob(7)).
		if strings.HasSuffix(name, ".conf") && !strings.HasPrefix(name, ".") {
			dropIns = append(dropIns, name)
		}
	}
	return check(read, dropIns)
}

// reload makes the daemon read its files.
func (h *Host) reload() bool {
	dump, _, status := h.judge(nil)
	if status != 0 {
		return false
	}
	h.loaded, h.load = dump, h.now()
	h.reloads++
	return true
}
