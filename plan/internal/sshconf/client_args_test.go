package sshconf

import (
	"strconv"
	"strings"
	"testing"

	"github.com/sshform/sshform/schema"
)

// clientArgs reads the arguments of ssh.
func clientArgs(t testing.TB, args []string, release schema.Release) ClientQuery {
	q := ClientQuery{Release: release}
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-o":
			i++
			q.Options = append(q.Options, args[i])
		case args[i] == "-p":
			i++
			q.Port, _ = strconv.Atoi(args[i])
		case args[i] == "-l":
			i++
			q.User = args[i]
		case strings.HasPrefix(args[i], "ssh://"):
			q.User, q.Host, _ = strings.Cut(strings.TrimPrefix(args[i], "ssh://"), "@")
			host, number, found := strings.Cut(q.Host, ":")
			if found {
				q.Host = host
				q.Port, _ = strconv.Atoi(number)
			}
		default:
			if user, host, found := strings.Cut(args[i], "@"); found {
				q.User, q.Host = user, host
			} else {
				q.Host = args[i]
			}
		}
	}
	return q
}
