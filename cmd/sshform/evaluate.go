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

// plannedValues looks an argument up by address and keyword.
func plannedValues(built *plan.Plan) hclfile.Planned {
	type setting struct {
		schema.Address
		schema.Keyword
	}
	known := map[setting]schema.Argument{}
	for _, h := range built.Hosts {
		for _, c := range h.Changes {
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
// mean for each other. The ends are collected when the first pair is asked for.
func plannedLiveness(m *made) hclfile.Liveness {
	type ends struct {
		servers map[string]liveness.Server
		clients map[string]liveness.Client
	}
	collect := sync.OnceValues(func() (ends, error) {
		servers, clients, err := endsOf(m.configuration.Config, m.plan)
		all := ends{map[string]liveness.Server{}, map[string]liveness.Client{}}
		for _, s := range servers {
			all.servers[s.name] = s.after
		}
		for _, c := range clients {
			all.clients[c.name] = c.after
		}
		return all, err
	})
	return func(server, client schema.Address) ([]byte, error) {
		all, err := collect()
		if err != nil {
			return nil, err
		}
		s, planned := all.servers[server.String()]
		c, alsoPlanned := all.clients[client.String()]
		if !planned || !alsoPlanned {
			return nil, fmt.Errorf("the plan has no values for %s and %s", server, client)
		}
		network := networkBetween(m.configuration.Config.Networks, server.String(), client.String())
		return json.Marshal(liveness.Predict(liveness.Pair{Server: s, Client: c, Network: network}).Summary())
	}
}
