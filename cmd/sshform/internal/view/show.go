package view

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// The document of show -json has Terraform's shape and names, with ours
// beside them.

type showJSON struct {
	FormatVersion string                  `json:"format_version"`
	Tool          plan.Tool               `json:"tool"`
	PlanID        string                  `json:"plan_id"`
	Timestamp     string                  `json:"timestamp"`
	ValidUntil    string                  `json:"valid_until"`
	Mode          plan.Mode               `json:"mode"`
	Variables     map[string]variableJSON `json:"variables"`
	Drift         []resourceChangeJSON    `json:"resource_drift,omitempty"`
	Changes       []resourceChangeJSON    `json:"resource_changes"`
	OutputChanges members                 `json:"output_changes"`
	Checks        []checkJSON             `json:"checks"`
	Summary       summaryJSON             `json:"summary"`
	Unreachable   []unreachableJSON       `json:"unreachable"`
	Complete      bool                    `json:"complete"`
	Applyable     bool                    `json:"applyable"`
	Errored       bool                    `json:"errored"`
}

type variableJSON struct {
	Value     json.RawMessage `json:"value,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Ephemeral bool            `json:"ephemeral,omitempty"`
}

type resourceChangeJSON struct {
	Address   string          `json:"address"`
	Mode      string          `json:"mode"`
	Type      string          `json:"type"`
	Name      string          `json:"name"`
	Index     *string         `json:"index,omitempty"`
	Provider  string          `json:"provider_name"`
	Change    changeJSON      `json:"change"`
	Reason    string          `json:"action_reason,omitempty"`
	Host      string          `json:"host"`
	Wave      string          `json:"wave,omitempty"`
	File      string          `json:"file"`
	Edits     []plan.Edit     `json:"edits"`
	Effective []effectiveJSON `json:"effective"`
	Reasons   members         `json:"reason"`
	Notes     []string        `json:"notes,omitempty"`
	Run       string          `json:"run,omitempty"` // of resource_drift: the run that left Before
}

type changeJSON struct {
	Actions         []string `json:"actions"`
	Before          members  `json:"before"`
	After           members  `json:"after"`
	AfterUnknown    members  `json:"after_unknown"`
	BeforeSensitive members  `json:"before_sensitive"`
	AfterSensitive  members  `json:"after_sensitive"`
}

type effectiveJSON struct {
	User   string  `json:"user,omitempty"`
	Host   string  `json:"host,omitempty"`
	Addr   string  `json:"address,omitempty"`
	LAddr  string  `json:"local_address,omitempty"`
	LPort  int     `json:"local_port,omitempty"`
	Values members `json:"values"`
}

type unreachableJSON struct {
	Addresses []string `json:"addresses"`
	Host      string   `json:"host"`
	Error     string   `json:"error"`
	Step      string   `json:"step"`
}

type summaryJSON struct {
	Hosts       int         `json:"hosts"`
	Add         int         `json:"add"`
	Change      int         `json:"change"`
	Destroy     int         `json:"destroy"`
	NoOp        int         `json:"noop"`
	Unreachable int         `json:"unreachable"`
	Groups      []groupJSON `json:"groups"`
}

type groupJSON struct {
	Signature string `json:"signature"`
	Count     int    `json:"count"`
	Example   string `json:"example"`
}

// checkJSON is a check block as Terraform's plans have it.
type checkJSON struct {
	Address   checkAddressJSON    `json:"address"`
	Status    string              `json:"status"`
	Instances []checkInstanceJSON `json:"instances"`
}

type checkAddressJSON struct {
	Display string `json:"to_display"`
	Kind    string `json:"kind,omitempty"`
	Name    string `json:"name,omitempty"`
}

type checkInstanceJSON struct {
	Address  checkAddressJSON   `json:"address"`
	Status   string             `json:"status"`
	Problems []checkProblemJSON `json:"problems,omitempty"`
}

type checkProblemJSON struct {
	Message string `json:"message"`
}

// outputChangeJSON is an output: without state every one is created.
type outputChangeJSON struct {
	Actions         []string        `json:"actions"`
	Before          any             `json:"before"`
	After           json.RawMessage `json:"after"`
	AfterUnknown    bool            `json:"after_unknown"`
	BeforeSensitive bool            `json:"before_sensitive"`
	AfterSensitive  bool            `json:"after_sensitive"`
}

// members is a JSON object whose members keep their order.
type members []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order; none is {}.
func (ms members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range ms {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// ShowJSON writes a plan as one document.
func ShowJSON(w io.Writer, p *plan.Plan) error {
	changed, unchanged := changes(p)
	t := tallyOf(changed)
	document := showJSON{
		FormatVersion: planVersion, Tool: p.Tool, PlanID: p.ID(),
		Timestamp: stamp(p.CreatedAt), ValidUntil: stamp(p.ValidUntil), Mode: p.Mode,
		Variables: map[string]variableJSON{}, Changes: []resourceChangeJSON{}, Checks: []checkJSON{},
		Summary: summaryJSON{
			Hosts: len(p.Hosts), Add: t.add, Change: t.change, Destroy: t.destroy, NoOp: len(unchanged),
			Unreachable: len(p.Unreachable), Groups: []groupJSON{},
		},
		Unreachable: []unreachableJSON{},
		Complete:    p.Complete(), Applyable: !p.Errored && len(changed) > 0, Errored: p.Errored,
	}
	for _, v := range p.Variables {
		document.Variables[v.Name] = variableJSON{v.JSON, v.Sensitive, v.Ephemeral}
	}
	for _, in := range everyInstance(changed, unchanged) {
		document.Changes = append(document.Changes, resourceChange(in))
	}
	document.Drift = drifted(p)
	for _, o := range p.Outputs {
		change := outputChangeJSON{Actions: []string{string(plan.Create)}, After: o.JSON, AfterSensitive: o.Sensitive}
		document.OutputChanges = append(document.OutputChanges, member{o.Name, change})
	}
	for _, c := range p.Checks {
		document.Checks = append(document.Checks, checkOf(c))
	}
	for _, g := range groupChanges(changed) {
		document.Summary.Groups = append(document.Summary.Groups, groupJSON{
			string(plan.Sum([]byte(g.signature))), len(g.instances), g.instances[0].change.Address.String(),
		})
	}
	for _, u := range p.Unreachable {
		line := unreachableJSON{Addresses: []string{}, Host: u.Host, Error: u.Err, Step: u.Step}
		for _, a := range u.Addresses {
			line.Addresses = append(line.Addresses, a.String())
		}
		document.Unreachable = append(document.Unreachable, line)
	}
	return encode(w, document)
}

// ShowHost writes the resource changes of one host, one a line.
func ShowHost(w io.Writer, h plan.HostPlan) error {
	for _, change := range h.Changes() {
		if err := encode(w, resourceChange(instance{&h, &change})); err != nil {
			return err
		}
	}
	return nil
}

func checkOf(c plan.Check) checkJSON {
	display := "check." + c.Name
	result := checkInstanceJSON{Address: checkAddressJSON{Display: display}, Status: c.Status}
	for _, message := range c.Messages {
		result.Problems = append(result.Problems, checkProblemJSON{message})
	}
	return checkJSON{checkAddressJSON{display, "check", c.Name}, c.Status, []checkInstanceJSON{result}}
}

// drifted are the targets that changed since the last run, from what that run
// left to what is in force now.
func drifted(p *plan.Plan) []resourceChangeJSON {
	at := map[string]instance{}
	for i := range p.Hosts {
		for _, change := range p.Hosts[i].Changes() {
			at[change.Address.String()] = instance{&p.Hosts[i], &change}
		}
	}
	var all []resourceChangeJSON
	for _, drift := range p.Drift {
		in, planned := at[drift.Address.String()]
		if !planned {
			continue
		}
		r := resourceChange(in)
		r.Change = changeJSON{Actions: []string{string(plan.Update)}}
		for _, d := range in.change.Settings {
			was, moved := drift.Recorded[d.Keyword]
			if !moved {
				was = d.Before
			}
			name, side := d.Keyword.HCL(), in.change.Address.Side()
			r.Change.Before = append(r.Change.Before, member{name, argument(side, d.Keyword, was)})
			r.Change.After = append(r.Change.After, member{name, argument(side, d.Keyword, d.Before)})
		}
		r.Edits, r.Effective, r.Reasons, r.Reason = []plan.Edit{}, []effectiveJSON{}, nil, ""
		r.Run = drift.Run
		all = append(all, r)
	}
	return all
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// everyInstance returns all instances by address.
func everyInstance(changed, unchanged []instance) []instance {
	all := slices.Concat(changed, unchanged)
	slices.SortStableFunc(all, func(a, b instance) int { return compareAddress(a.change.Address, b.change.Address) })
	return all
}

func resourceChange(in instance) resourceChangeJSON {
	c := in.change
	r := resourceChangeJSON{
		Address: c.Address.String(), Mode: "managed", Type: c.Address.Block, Name: c.Address.Name, Provider: "sshform",
		Change: changeJSON{Actions: []string{actionOf(c.Action)}},
		Host:   c.Host, Wave: in.host.Wave, File: c.File, Edits: []plan.Edit{}, Effective: []effectiveJSON{}, Notes: c.Notes,
	}
	if c.Address.HasKey {
		r.Index = &c.Address.Key
	}
	if c.Action == plan.Reload {
		r.Reason = "reload_pending"
	}
	for _, d := range c.Settings {
		name := d.Keyword.HCL()
		r.Change.Before = append(r.Change.Before, member{name, argument(c.Address.Side(), d.Keyword, d.Before)})
		r.Change.After = append(r.Change.After, member{name, argument(c.Address.Side(), d.Keyword, d.After)})
		if d.Reason != "" {
			r.Reasons = append(r.Reasons, member{name, d.Reason})
		}
	}
	for _, f := range in.host.Files() {
		for _, e := range f.Edits {
			if e.Address == r.Address {
				r.Edits = append(r.Edits, e)
			}
		}
	}
	for _, e := range c.Expect {
		line := effectiveJSON{User: e.Login.User, Host: e.Login.Host, Addr: e.Login.Addr, LAddr: e.Login.LAddr, LPort: e.Login.LPort}
		for _, k := range slices.Sorted(maps.Keys(e.Values)) {
			line.Values = append(line.Values, member{k.Lower(), argument(c.Address.Side(), k, e.Values[k])})
		}
		r.Effective = append(r.Effective, line)
	}
	return r
}

// actionOf spells an action as Terraform's plans do.
func actionOf(a plan.Action) string {
	if a == plan.Reload {
		return string(plan.Update)
	}
	return string(a)
}

// argument is an argument as JSON has it: numbers, booleans and lists.
func argument(side schema.Side, k schema.Keyword, a schema.Argument) any {
	d, known := schema.Define(side, string(k))
	n, isNumber := a.Seconds()
	switch {
	case a == "":
		return nil
	case known && d.Kind == schema.Flag:
		return a == "yes"
	case known && d.Kind == schema.Timeouts && a == "none":
		return []string{}
	case known && d.Kind == schema.Timeouts:
		return strings.Fields(string(a))
	case isNumber:
		return n
	}
	return string(a)
}
