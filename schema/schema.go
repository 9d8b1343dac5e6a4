// Package schema is the vocabulary of sshform: the keywords it manages, the
// OpenSSH releases it knows, hosts, targets and their settings, and the
// diagnostics in which mistakes are told.
//
// It holds what may be declared and nothing about how it was declared, read
// or applied. It reaches nothing beyond the standard library, opens no file
// and has no clock.
package schema
