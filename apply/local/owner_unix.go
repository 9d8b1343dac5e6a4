//go:build unix

package local

import (
	"io/fs"
	"syscall"

	"github.com/sshform/sshform/apply"
)

func ownerOf(info fs.FileInfo) apply.Owner {
	if stat, known := info.Sys().(*syscall.Stat_t); known {
		return apply.Owner{UID: int(stat.Uid), GID: int(stat.Gid)}
	}
	return apply.Owner{UID: -1, GID: -1}
}
