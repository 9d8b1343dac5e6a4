package schema

// A Policy is what the machine that applies allows plans to ask for. It is of
// that machine alone: nothing in a plan or in a configuration widens it, since
// others may write those.
type Policy struct {
	// ReloadCommands are the commands that `reload = "NAME"` may name, by name:
	// a program, by its absolute path on the host, and its words. No shell
	// reads them.
	ReloadCommands map[string][]string
}
