// Package sshconf reads sshd_config and ssh_config exactly as OpenSSH does,
// and changes them line by line.
//
// # Text
//
// Parse cuts a file into lines with spans for keyword, arguments and comment.
// Any bytes are fine, and Print gives them back unchanged. What a line means
// depends on the release and is none of Parse's business.
//
// # Trees
//
// The package opens no file. A Tree holds what was read so far; whoever
// resolves something gets Wants, reads them, puts them into the tree and asks
// again, one round for all wants that are known at a time:
//
//	t := sshconf.NewTree()
//	for {
//		r := sshconf.ResolveServer(t, query)
//		if len(r.Wants) == 0 {
//			break // r is the answer
//		}
//		for _, w := range r.Wants {
//			if w.Folder {
//				t.AddFolder(w.Path, …) // names; none if it cannot be listed
//			} else {
//				t.AddNode(w.Path, …) // a file, or what stands there instead
//			}
//		}
//	}
//
// Paths are spelled as OpenSSH would spell them; the caller may read them
// below another root.
//
// # Meaning
//
// ResolveServer and ResolveClient predict what sshd -T -C and ssh -G would
// print and with which exit status, for a release and a login or target. The
// Result gives each keyword's effective value with the lines it comes from
// (Keyword), all lines that set it and why they do not count (Of, Shadowed),
// every Match and Host block (Blocks), the errors in the program's order, and
// what cannot be decided without running something or knowing more: those
// lines are named and never guessed at.
//
// # Edits
//
// An Edit inserts, replaces or deletes one line and holds the old text. File
// has methods that make edits in the style of the file (SetArgument, SetLine,
// InsertBefore, InsertAfter, Append, Remove), and Replay carries a list of
// them out, strictly: the old text must stand where the edit says.
// Commented, FirstBlock, Named, Indentation and End find places.
//
// Witness makes a login or host name that a block matches, to ask the real
// program about it.
//
// The rules are those of servconf.c, readconf.c, misc.c and match.c of
// portable OpenSSH 7.4 to 10.6, each of which was read and most of which were
// run; the differences between releases are branches on schema.Release. The
// zero Release is read as the oldest: a caller that does not know the release
// has to choose one.
package sshconf
