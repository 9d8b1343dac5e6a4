package main

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// evaluate works out check and output blocks with the values that will be in
// force once the plan is applied.
func (p *program) evaluate(m *made) schema.Diagnostics {
	result, found := m.configuration.Evaluate(plannedValues(m.plan), plannedLiveness(m))
	for _, c := range result.Checks {
		m.plan.Checks = append(m.plan.Checks, plan.Check{Name: c.Name, Status: string(c.Status), Messages: c.Messages})
	}
	for _, o := range result.Outputs {
		m.plan.Outputs = append(m.plan.Outputs, plan.Output{Name: o.Name, Sensitive: o.Sensitive, Type: o.Type, JSON: o.JSON})
	}
	m.outputs = viewOutputs(result.Outputs)
	return found
}

// leave puts that off, since not all hosts were read: until the parts of a plan
// are merged, or for good where one wave is looked at.
func (m *made) leave() {
	m.pending = m.configuration.Pending()
	if m.plan.Part != nil {
		m.plan.Part.Pending = m.pending
	}
}

// plannedValues looks an argument up by address and keyword.
func plannedValues(built *plan.Plan) hclfile.Planned {
	type setting struct {
		schema.Address
		schema.Keyword
	}
	known := map[setting]schema.Argument{}
	for _, h := range built.Hosts {
		for _, c := range h.Changes() {
			for _, d := range c.Settings {
				known[setting{c.Address, d.Keyword}] = d.After
			}
		}
	}
	return func(a schema.Address, k schema.Keyword) (schema.Argument, bool) {
		argument, found := known[setting{a, k}]
		return argument, found
	}
}

// plannedLiveness works out what the planned values of a server and a client
// mean for each other. The plan is gone through when the first pair is asked
// for.
func plannedLiveness(m *made) hclfile.Liveness {
	predictions := sync.OnceValues(func() (func(client, server schema.Address) (liveness.Prediction, bool), error) {
		return plan.Predictions(m.configuration.Config, m.plan)
	})
	return func(server, client schema.Address) ([]byte, error) {
		predict, err := predictions()
		if err != nil {
			return nil, err
		}
		x, planned := predict(client, server)
		if !planned {
			return nil, fmt.Errorf("the plan has no values for %s and %s", client, server)
		}
		return json.Marshal(x.Summary())
	}
}
