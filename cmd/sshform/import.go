package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
	"github.com/sshform/sshform/schema/inventory"
)

// importing is what the options of import say.
type importing struct {
	out, inventory string
	parallelism    int
	input          bool
	// connection is written into the file for all hosts.
	connection schema.Connection
}

func (p *program) importCommand() *cobra.Command {
	o := importing{input: true}
	c := &cobra.Command{
		Use:   "import [options] [HOST]...",
		Short: "Write the configuration of hosts that exist",
		Long: "Reads which values are in force on hosts and writes them down as configuration that changes nothing: " +
			"a plan of it says No changes. Hosts with the same values share a block. A HOST is a name or alias of " +
			"your ssh configuration, or USER@HOST:PORT; with -inventory hosts come from a file.",
	}
	options(c, "The file", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.out, "out", "", "Write to this new `FILE`, such as fleet.sshform.hcl.")
	})
	options(c, "Which hosts", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.inventory, "inventory", "", "Take the hosts of an inventory, `KIND:FILE`, such as ansible:hosts.ini; with a HOST, only those.")
		fs.IntVar(&o.parallelism, "parallelism", apply.DefaultParallelism, "Go to up to `N` hosts at a time.")
	})
	options(c, "How to reach them, for all", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.connection.IdentityFile, "identity-file", "", "The private key, a `FILE`.")
		fs.StringVar(&o.connection.KnownHostsFile, "known-hosts-file", "", "Where the keys of the hosts stand, a `FILE`.")
		fs.StringVar(&o.connection.ProxyJump, "proxy-jump", "", "Bastions on the way, `HOST,HOST`.")
		fs.StringVar(&o.connection.Become, "become", "", "Become root with `sudo`.")
		fs.BoolVar(&o.input, "input", true, "Never ask.")
	})
	complete(c, "out", "hcl")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(args); err != nil {
			return err
		}
		return p.importHosts(c.Context(), &o, args)
	}
	return c
}

// check refuses what cannot work before any host is contacted.
func (o *importing) check(args []string) error {
	switch {
	case o.out == "":
		return problem("File not named", "sshform import writes a new file of configuration: give -out=FILE, such as -out=fleet.sshform.hcl.")
	case !strings.HasSuffix(o.out, ".sshform.hcl"):
		return problem("File would not be read", fmt.Sprintf("%s does not end in .sshform.hcl, so that no command would read it. Choose another name.", o.out))
	case len(args) == 0 && o.inventory == "":
		return problem("Host not named", "sshform import needs to know which hosts to read: name them, or give -inventory=KIND:FILE.")
	case o.connection.Become != "" && o.connection.Become != "sudo" && o.connection.Become != "none":
		return problem("Wrong value for an option", "-become can be sudo or none.")
	case o.parallelism < 1:
		return problem("Wrong value for an option", "-parallelism must be at least 1.")
	}
	if _, err := os.Lstat(o.out); !errors.Is(err, fs.ErrNotExist) {
		return problem("File exists", fmt.Sprintf("%s is there already, and import never overwrites configuration. Choose another name, or move the file away. No host was contacted.", o.out))
	}
	if err := writable(o.out); err != nil {
		return problem("File cannot be written", sentence(err)+" No host was contacted.")
	}
	return nil
}

// An importedHost is a host and what was found on it.
type importedHost struct {
	target schema.Target
	plan.Import
}

func (p *program) importHosts(ctx context.Context, o *importing, args []string) error {
	targets, err := p.importTargets(ctx, o, args)
	if err != nil {
		return err
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return err
	}
	defer d.Close()
	hosts, found := p.readHosts(ctx, o, d, targets)
	if ctx.Err() != nil {
		return problem("Interrupted", "The hosts were being read. Nothing was written.")
	}
	p.diagnose(found)
	if found.HasErrors() {
		return failed
	}
	folded := foldHosts(hosts)
	text, wrong := hclfile.Format([]byte(o.configuration(targets, folded)), o.out)
	if wrong.HasErrors() {
		panic(fmt.Sprintf("import wrote configuration that cannot be read: %+v", wrong))
	}
	if err := writeNew(o.out, text); err != nil {
		return problem("File cannot be written", sentence(err))
	}
	fmt.Fprintf(p.stdout, "Wrote %s: %s in %s.\n", o.out, view.Count(len(hosts), "host"), view.Count(len(folded), "block"))
	for _, f := range folded {
		fmt.Fprintf(p.stdout, "  server.%s: %s\n", f.name, view.Clean(summary(f.hosts[0].Settings)))
	}
	p.view().Hint("To see that it changes nothing, run:\n    sshform plan")
	return nil
}

// importTargets makes a target without settings of each host.
func (p *program) importTargets(ctx context.Context, o *importing, args []string) ([]schema.Target, error) {
	var targets []schema.Target
	add := func(name string, c schema.Connection) {
		targets = append(targets, schema.Target{
			Address: schema.Address{Block: string(schema.Server), Name: "imported", Key: name, HasKey: true},
			Host:    schema.Host{Name: name}, Connection: c, Fallback: &o.connection,
		})
	}
	if o.inventory == "" {
		for _, arg := range args {
			c, err := reachOf(arg)
			if err != nil {
				return nil, err
			}
			add(strings.TrimPrefix(arg[strings.LastIndex(arg, "@")+1:], "@"), c)
		}
	} else {
		kind, file, named := strings.Cut(o.inventory, ":")
		if !named || kind == string(inventory.External) || !slices.Contains(inventory.Kinds(), inventory.Kind(kind)) {
			return nil, problem("Wrong value for an option", fmt.Sprintf("-inventory=%s: write it as KIND:FILE; a kind is csv, json, yaml, ansible or ssh_config.", o.inventory))
		}
		listing, found := inventory.Load(ctx, inventory.Source{Kind: inventory.Kind(kind), Path: file}, nil)
		p.diagnose(found)
		if found.HasErrors() {
			return nil, failed
		}
		for _, h := range listing.Hosts {
			if len(args) == 0 || slices.Contains(args, h.Name) {
				add(h.Name, h.Connection)
			}
		}
		if len(targets) == 0 {
			return nil, problem("No hosts", fmt.Sprintf("%s holds none of the hosts that are to be imported.", file))
		}
	}
	slices.SortFunc(targets, func(a, b schema.Target) int { return strings.Compare(a.Host.Name, b.Host.Name) })
	for i := 1; i < len(targets); i++ {
		if targets[i].Host.Name == targets[i-1].Host.Name {
			return nil, problem("Host named twice", fmt.Sprintf("%q is named twice. Name each host once.", targets[i].Host.Name))
		}
	}
	return targets, nil
}

// reachOf reads HOST, USER@HOST or USER@HOST:PORT. A plain name is one of the
// person's ssh configuration.
func reachOf(arg string) (schema.Connection, error) {
	user, address, given := strings.Cut(arg, "@")
	if !given {
		user, address = "", arg
	}
	host, port, ported := address, "", false
	if _, err := netip.ParseAddr(address); err != nil { // one of IPv6 has colons of its own
		host, port, ported = cutPort(address)
	}
	number := 0
	if ported {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return schema.Connection{}, problem("Wrong host", fmt.Sprintf("%q: write a host as NAME or USER@HOST:PORT, with a port from 1 to 65535.", arg))
		}
		number = n
	}
	if host == "" || strings.HasPrefix(host, "-") || strings.ContainsAny(arg, " \t\r\n\x00\x1b") || given && user == "" {
		return schema.Connection{}, problem("Wrong host", fmt.Sprintf("%q is not a host: write NAME or USER@HOST:PORT.", arg))
	}
	if !given && !ported {
		return schema.Connection{SSHAlias: host}, nil
	}
	return schema.Connection{Address: host, Port: number, User: user}, nil
}

// cutPort takes HOST:PORT apart, and [ADDRESS]:PORT and [ADDRESS] of IPv6.
func cutPort(text string) (host, port string, ported bool) {
	inside, bracketed := strings.CutPrefix(text, "[")
	if !bracketed {
		return strings.Cut(text, ":")
	}
	host, rest, _ := strings.Cut(inside, "]")
	if port, ported = strings.CutPrefix(rest, ":"); !ported {
		return host, "", rest != "" // what else stands there is no port
	}
	return host, port, true
}

// readHosts reads what is in force, over one connection to each host.
func (p *program) readHosts(ctx context.Context, o *importing, d apply.Dialer, targets []schema.Target) ([]importedHost, schema.Diagnostics) {
	byName := map[string]schema.Target{}
	for _, t := range targets {
		byName[t.Host.Name] = t
	}
	asks := func(ts []schema.Target, seen *plan.Observed) plan.Asking {
		if seen.User == "" {
			return plan.Asking{} // which file sshd reads is not known yet
		}
		return plan.Asks([]schema.Target{inItsFile(ts[0], seen)}, seen)
	}
	var hosts []importedHost
	var found schema.Diagnostics
	observed := apply.Observe(ctx, &schema.Config{Targets: targets}, apply.ObserveOptions{
		Dialer: d, Asks: asks, Parallelism: o.parallelism, Events: p.view().Event,
	})
	for seen := range observed {
		t := inItsFile(byName[seen.Host], seen)
		imported, wrong := plan.ImportSettings(t, seen)
		found = append(found, wrong...)
		hosts = append(hosts, importedHost{t, imported})
	}
	slices.SortFunc(hosts, func(a, b importedHost) int { return strings.Compare(a.target.Host.Name, b.target.Host.Name) })
	return hosts, found.Sorted()
}

// inItsFile is a target with the file that the running sshd of its host reads.
func inItsFile(t schema.Target, seen *plan.Observed) schema.Target {
	if file := seen.Listener.ConfigFile; file != plan.ServerConfig {
		t.File.Path = file
	}
	return t
}

// A folded is hosts with the same values in the same file.
type folded struct {
	name  string
	hosts []importedHost
}

// foldHosts puts equal hosts together, the largest group first.
func foldHosts(hosts []importedHost) []folded {
	var groups []folded
	at := map[string]int{}
	for _, h := range hosts {
		key := h.target.File.Path + "\n" + summary(h.Settings)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, folded{})
		}
		groups[i].hosts = append(groups[i].hosts, h)
	}
	slices.SortStableFunc(groups, func(a, b folded) int { return len(b.hosts) - len(a.hosts) })
	for i := range groups {
		groups[i].name = "imported"
		if i > 0 {
			groups[i].name += "_" + strconv.Itoa(i+1)
		}
	}
	return groups
}

func summary(settings []schema.Setting) string {
	var parts []string
	for _, s := range settings {
		parts = append(parts, s.Keyword.HCL()+" = "+hclValue(s))
	}
	return strings.Join(parts, ", ")
}

// configuration writes the file.
func (o *importing) configuration(targets []schema.Target, groups []folded) string {
	var b strings.Builder
	b.WriteString("# What sshform import found. A plan of it changes nothing.\n\n")
	writeConnection(&b, o.connection)
	reference := "host[%s]"
	if o.inventory != "" {
		reference = "inventory.imported.hosts[%s]"
		kind, file, _ := strings.Cut(o.inventory, ":")
		if dir, err := filepath.Rel(filepath.Dir(o.out), file); err == nil && !filepath.IsAbs(file) {
			file = dir
		}
		fmt.Fprintf(&b, "inventory \"imported\" {\nsource %s {\npath = %s\n}\n}\n\n", hclString(kind), hclString(file))
	} else {
		for _, t := range targets {
			writeHost(&b, t)
		}
	}
	for i, g := range groups {
		g.write(&b, reference, groups[0], i > 0)
	}
	return b.String()
}

func writeConnection(b *strings.Builder, c schema.Connection) {
	if c == (schema.Connection{}) {
		return
	}
	b.WriteString("connection {\n")
	writeText(b, "identity_file", c.IdentityFile)
	writeText(b, "known_hosts_file", c.KnownHostsFile)
	writeText(b, "proxy_jump", c.ProxyJump)
	writeText(b, "become", c.Become)
	b.WriteString("}\n\n")
}

func writeText(b *strings.Builder, name, value string) {
	if value != "" {
		fmt.Fprintf(b, "%s = %s\n", name, hclString(value))
	}
}

func writeHost(b *strings.Builder, t schema.Target) {
	fmt.Fprintf(b, "host %s {\n", hclString(t.Host.Name))
	writeText(b, "ssh_alias", t.Connection.SSHAlias)
	writeText(b, "address", t.Connection.Address)
	if t.Connection.Port != 0 {
		fmt.Fprintf(b, "port = %d\n", t.Connection.Port)
	}
	if t.Connection.User != "" {
		fmt.Fprintf(b, "\nconnection {\nuser = %s\n}\n", hclString(t.Connection.User))
	}
	b.WriteString("}\n\n")
}

// write writes the block of a group; first is the largest group, which others
// are compared with.
func (g folded) write(b *strings.Builder, reference string, first folded, differs bool) {
	var names []string
	for _, h := range g.hosts {
		names = append(names, hclString(h.target.Host.Name))
	}
	if len(names) > 1 {
		fmt.Fprintf(b, "# %d hosts with the same values.\nlocals {\n%s_hosts = toset([\n%s,\n])\n}\n\n", len(names), g.name, strings.Join(names, ",\n"))
	}
	if differs {
		fmt.Fprintf(b, "# Differs from server.%s: %s.\n", first.name, differences(first.hosts[0], g.hosts[0]))
	}
	var notes []string
	for _, h := range g.hosts {
		for _, note := range h.Notes {
			notes = append(notes, fmt.Sprintf("# %s: %s.\n", h.target.Host.Name, view.Clean(note)))
		}
	}
	b.WriteString(strings.Join(notes, ""))
	fmt.Fprintf(b, "server %s {\n", hclString(g.name))
	if len(names) > 1 {
		fmt.Fprintf(b, "for_each = local.%s_hosts\nhost = %s\n\n", g.name, fmt.Sprintf(reference, "each.key"))
	} else {
		fmt.Fprintf(b, "host = %s\n\n", fmt.Sprintf(reference, names[0]))
	}
	for _, s := range g.hosts[0].Settings {
		fmt.Fprintf(b, "%s = %s\n", s.Keyword.HCL(), hclValue(s))
	}
	if path := g.hosts[0].target.File.Path; path != "" {
		fmt.Fprintf(b, "\nfile {\npath = %s\n}\n", hclString(path))
	}
	b.WriteString("}\n\n")
}

// differences says what one host has otherwise than another.
func differences(usual, here importedHost) string {
	was := map[schema.Keyword]string{}
	for _, s := range usual.Settings {
		was[s.Keyword] = hclValue(s)
	}
	var parts []string
	for _, s := range here.Settings {
		switch value, set := was[s.Keyword]; {
		case !set:
			parts = append(parts, s.Keyword.HCL()+" is set")
		case value != hclValue(s):
			parts = append(parts, fmt.Sprintf("%s is %s, not %s", s.Keyword.HCL(), hclValue(s), value))
		}
		delete(was, s.Keyword)
	}
	for _, s := range usual.Settings {
		if _, missing := was[s.Keyword]; missing {
			parts = append(parts, s.Keyword.HCL()+" is not set")
		}
	}
	if usual.target.File.Path != here.target.File.Path {
		parts = append(parts, "sshd reads another file")
	}
	return strings.Join(parts, ", ")
}

// hclValue spells an argument as configuration does.
func hclValue(s schema.Setting) string {
	d, _ := schema.Define(schema.Server, string(s.Keyword))
	switch {
	case d.Kind == schema.Flag:
		return strconv.FormatBool(s.Argument == "yes")
	case d.Kind == schema.Timeouts && s.Argument == "none":
		return "[]"
	case d.Kind == schema.Timeouts:
		pairs := strings.Fields(string(s.Argument))
		for i := range pairs {
			pairs[i] = hclString(pairs[i])
		}
		return "[" + strings.Join(pairs, ", ") + "]"
	case s.Argument == "none":
		return `"none"`
	}
	return string(s.Argument)
}

// hclString quotes text so that HCL reads it back as it is.
func hclString(text string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{").Replace(text)
	return `"` + quoted + `"`
}
