package plan

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

// BuildOptions are what Build needs besides configuration and hosts.
type BuildOptions struct {
	Tool Tool
	Options
	// Shard and Shards make a part of a plan, for the hosts of one shard; they
	// alone are observed. Zero Shards is the whole plan.
	Shard, Shards int
	// Contents makes the plan hold whole files.
	Contents bool
}

// Build decides what happens on every host. It takes the observations as they
// arrive, in any order, and keeps of each only what the plan needs.
//
// The diagnostics hold everything that is wrong, on all hosts. With errors the
// plan is returned for showing, marked Errored: it must not be applied.
func Build(cfg *schema.Config, observed iter.Seq[*Observed], opts BuildOptions) (*Plan, schema.Diagnostics) {
	return assemble(cfg, observed, opts, Normal, newFleet().decide)
}

// assemble makes a plan of what decide says about each host.
func assemble(
	cfg *schema.Config, observed iter.Seq[*Observed], opts BuildOptions, mode Mode,
	decide func([]schema.Target, *Observed) (HostPlan, schema.Diagnostics),
) (*Plan, schema.Diagnostics) {
	p := &Plan{
		Tool: opts.Tool, Mode: mode, Options: opts.Options, Variables: cfg.Variables,
		Config: digestConfig(cfg), Inventory: digestInventory(cfg),
	}
	if opts.Shards == 0 { // else only some of them come
		p.Hosts = slices.Grow(p.Hosts, p.Inventory.Hosts) // or it would be there twice as it grows
	}
	equal := newSharing()
	var diags schema.Diagnostics
	for o := range observed {
		if o.Err != "" {
			p.Unreachable = append(p.Unreachable, unreachable(o, cfg.OnHost(o.Host)))
			continue
		}
		host, hostDiags := decide(cfg.OnHost(o.Host), o)
		diags = append(diags, hostDiags...)
		p.Hosts = append(p.Hosts, equal.connection(host))
		if opts.Contents {
			p.keepContents(host.Decision(), o)
		}
	}
	groups := groupsBy(cfg, opts.ShardBy)
	for i := range p.Hosts {
		p.Hosts[i].Group = groups[p.Hosts[i].Host]
	}
	for i := range p.Unreachable {
		p.Unreachable[i].Group = groups[p.Unreachable[i].Host]
	}
	slices.SortFunc(p.Hosts, func(a, b HostPlan) int { return strings.Compare(a.Host, b.Host) })
	slices.SortFunc(p.Unreachable, func(a, b Unreachable) int { return strings.Compare(a.Host, b.Host) })
	diags = append(diags, sameMachine(p.Hosts)...)
	diags = append(diags, unreachableDiagnostics(p, p.Inventory.Hosts)...)
	declared, orderDiags := readOrders(cfg)
	diags = append(diags, orderDiags...)
	if opts.Shards > 0 {
		p.Part = partOf(opts.Shard, opts.Shards, declared, p.Hosts)
	} else {
		p.Rollout = declared.assignWaves(p.Hosts)
	}
	if mode == Normal {
		diags = append(diags, forgetful(cfg, p)...)
	}
	p.Errored = diags.HasErrors()
	return p, diags.Sorted()
}

func unreachable(o *Observed, targets []schema.Target) Unreachable {
	u := Unreachable{Host: o.Host, Step: o.Step, Err: o.Err}
	for _, t := range targets {
		u.Addresses = append(u.Addresses, t.Address)
	}
	return u
}

// unreachableDiagnostics names the hosts that were not read: errors beyond
// what may be missing, warnings else.
func unreachableDiagnostics(p *Plan, hosts int) schema.Diagnostics {
	allowed, err := allowance(p.Options.AllowUnreachable, hosts)
	if err != nil {
		return schema.Diagnostics{{Severity: schema.Error, Summary: "Unusable limit of unreachable hosts", Detail: err.Error() + `. Write a number of hosts or a percentage, such as "5" or "2%".`}}
	}
	severity, remedy := schema.Error, "Nothing can be decided about a host that was not read. Mend the connection, leave the host out with -exclude, or allow some hosts to be missing with -allow-unreachable."
	if len(p.Unreachable) <= allowed {
		severity, remedy = schema.Warning, "The plan leaves this host out."
	}
	var diags schema.Diagnostics
	for _, u := range p.Unreachable {
		diags = append(diags, schema.Diagnostic{
			Severity: severity, Summary: "Host could not be read",
			Detail: fmt.Sprintf("%s. %s", u.Err, remedy),
			Where:  &schema.Place{Host: u.Host, Step: u.Step},
		})
	}
	return diags
}

// Check refuses what Build could not use, so that it is known before hosts are
// read.
func (o Options) Check() error {
	_, err := allowance(o.AllowUnreachable, 1)
	return err
}

// allowance reads "5" or "2%" of all hosts, rounded down.
func allowance(text string, hosts int) (int, error) {
	if text == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	if !percent {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%q is not a number of hosts", text)
		}
		return n, nil
	}
	share, err := strconv.ParseFloat(number, 64)
	if err != nil || !(share >= 0 && share <= 100) {
		return 0, fmt.Errorf("%q is not a percentage of hosts", text)
	}
	return int(math.Floor(share / 100 * float64(hosts))), nil
}

// sameMachine finds two names for one machine: two transactions would work on
// the same files at once.
func sameMachine(hosts []HostPlan) schema.Diagnostics {
	type machine struct {
		key, address string
		port         int
	}
	first := map[machine]string{}
	var diags schema.Diagnostics
	for _, h := range hosts {
		c := h.Connection()
		m := machine{c.HostKey, c.Address, c.Port}
		if m.key == "" {
			continue
		}
		other, twice := first[m]
		if !twice {
			first[m] = h.Host
			continue
		}
		diags = append(diags, schema.Diagnostic{
			Severity: schema.Error, Summary: "Two hosts are one machine",
			Detail: fmt.Sprintf("Hosts %q and %q answer at %s port %d with the same host key. Their changes would fight over the same files. Remove one of the two names.", other, h.Host, m.address, m.port),
			Where:  &schema.Place{Host: h.Host, Address: m.address},
		})
	}
	return diags
}

func digestConfig(cfg *schema.Config) ConfigDigest {
	var digest ConfigDigest
	var all strings.Builder
	for _, source := range cfg.Sources {
		f := FileDigest{Path: source.Path, SHA256: Sum(source.Content)}
		digest.Files = append(digest.Files, f)
		fmt.Fprintf(&all, "%s %q\n", f.SHA256, f.Path)
	}
	digest.Digest = Sum([]byte(all.String()))
	return digest
}

func digestInventory(cfg *schema.Config) Inventory {
	hosts := 0
	for range cfg.Hosts() {
		hosts++
	}
	var all strings.Builder
	for _, s := range cfg.Inventories {
		fmt.Fprintf(&all, "%s %q %s\n", s.Type, s.Name, s.SHA256)
	}
	for _, t := range cfg.Targets {
		fmt.Fprintf(&all, "%q %s\n", t.Host.Name, t.Address)
	}
	return Inventory{Digest: Sum([]byte(all.String())), Hosts: hosts, Sources: cfg.Inventories}
}

// buildHost decides about one host. All its targets become one transaction.
func buildHost(targets []schema.Target, o *Observed) (HostPlan, schema.Diagnostics) {
	d := Decision{Run: runOf(targets), Facts: Facts{OpenSSH: o.Release.String(), OS: o.OS}}
	var diags schema.Diagnostics
	groups := byFile(targets, o)
	for i, group := range groups {
		s := newScene(group, o)
		s.follow(groups[:i], d.Files)
		changes, groupDiags := s.decide()
		diags = append(diags, groupDiags...)
		d.Changes = append(d.Changes, changes...)
		d.Files = append(d.Files, s.fileEdits()...)
		d.DependsOn = append(d.DependsOn, s.dependencies()...)
		if s.side == schema.Server && s.reloads() {
			d.Facts.Listener = o.Listener
			d.Facts.Listener.PID, d.Facts.Listener.Pending = 0, ""
		}
	}
	diags = append(diags, sameFile(d.Files)...)
	sortChanges(d.Changes)
	d.DependsOn = distinct(d.DependsOn, d.Files)
	if len(diags) > 0 {
		for i := range diags {
			if diags[i].Where == nil {
				diags[i].Where = &schema.Place{}
			}
			diags[i].Where.Host = o.Host
			diags[i].Where.Address = o.Connection.Address
		}
	}
	return HostPlan{Host: o.Host}.Via(o.Connection).With(d), diags
}

// sameFile finds two paths that lead to one file: each would be edited without
// the edits of the other.
func sameFile(files []FileEdit) schema.Diagnostics {
	var diags schema.Diagnostics
	first := map[string]string{}
	for _, f := range files {
		other, twice := first[f.RealPath]
		if !twice {
			first[f.RealPath] = f.Path
			continue
		}
		diags = append(diags, schema.Diagnostic{
			Severity: schema.Error, Summary: "Two paths lead to one file",
			Detail: fmt.Sprintf("%s and %s are both %s, and blocks edit it under both names. Write the same path in all blocks.", other, f.Path, f.RealPath),
			Where:  &schema.Place{File: f.Path, Step: "check"},
		})
	}
	return diags
}

// runOf merges what the host's targets say about the transaction: the most
// careful word wins.
func runOf(targets []schema.Target) Run {
	run := Run{Rehearsal: true, Reload: "auto"}
	for _, t := range targets {
		run.ConfirmTimeout = max(run.ConfirmTimeout, t.Verify.ConfirmTimeout)
		run.Backups = max(run.Backups, t.File.Backups)
		run.Probe = run.Probe || t.Verify.Probe
		run.Rehearsal = run.Rehearsal && !t.Verify.SkipRehearsal
		run.AllowPending = run.AllowPending || t.AllowPending
		if t.Side() == schema.Server && t.Reload != "" {
			run.Reload = t.Reload
		}
	}
	run.ConfirmTimeout = cmp.Or(run.ConfirmTimeout, DefaultConfirmTimeout)
	run.Backups = cmp.Or(run.Backups, DefaultBackups)
	return run
}

// distinct sorts dependencies by path and drops those that are edited anyway.
func distinct(all []Dependency, edited []FileEdit) []Dependency {
	drop := map[string]bool{}
	for _, f := range edited {
		drop[f.Path] = true
	}
	all = slices.DeleteFunc(all, func(d Dependency) bool { return !d.Folder && drop[d.Path] })
	slices.SortFunc(all, func(a, b Dependency) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(fmt.Sprint(a.Folder), fmt.Sprint(b.Folder)))
	})
	return slices.Compact(all)
}

// A group is the targets of one host that edit the files of one program.
type group struct {
	side    schema.Side
	main    string // path of the main file, without ~
	targets []schema.Target
}

// Default paths of the main files.
const (
	ServerConfig = "/etc/ssh/sshd_config"
	ClientConfig = "~/.ssh/config"
	SystemConfig = "/etc/ssh/ssh_config"
)

func byFile(targets []schema.Target, o *Observed) []group {
	var groups []group
	for _, t := range targets {
		main := MainPath(t, o.Home)
		i := slices.IndexFunc(groups, func(g group) bool { return g.side == t.Side() && g.main == main })
		if i < 0 {
			groups = append(groups, group{side: t.Side(), main: main})
			i = len(groups) - 1
		}
		groups[i].targets = append(groups[i].targets, t)
	}
	// ssh reads the system's file behind the user's: what changes there comes first.
	slices.SortStableFunc(groups, func(a, b group) int { return order(a.main != SystemConfig, b.main != SystemConfig) })
	return groups
}

// MainPath returns the path of a target's main file on a host whose login
// user's home is home.
func MainPath(t schema.Target, home string) string {
	main := t.File.Path
	if main == "" {
		main = ServerConfig
		if t.Side() == schema.Client {
			main = ClientConfig
		}
	}
	if rest, found := strings.CutPrefix(main, "~/"); found {
		main = strings.TrimSuffix(home, "/") + "/" + rest
	}
	return main
}
