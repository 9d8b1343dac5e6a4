//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// foreign reports whether a file belongs to somebody else than this user and
// root.
func foreign(info fs.FileInfo) bool {
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && owner.Uid != 0 && int(owner.Uid) != os.Geteuid()
}
