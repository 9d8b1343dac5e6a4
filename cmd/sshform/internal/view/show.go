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
	Changes       []resourceChangeJSON    `json:"resource_changes"`
	OutputChanges map[string]any          `json:"output_changes"`
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
		Variables: map[string]variableJSON{}, Changes: []resourceChangeJSON{}, OutputChanges: map[string]any{},
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

// ShowLines writes one resource change a line.
func ShowLines(w io.Writer, p *plan.Plan) error {
	for _, in := range everyInstance(changes(p)) {
		if err := encode(w, resourceChange(in)); err != nil {
			return err
		}
	}
	return nil
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
	for _, f := range in.host.Files {
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
