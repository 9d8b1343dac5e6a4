package apply

import (
	"slices"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Recorded is what a run made effective for a target.
type Recorded struct {
	Run    string
	Values map[schema.Keyword]schema.Argument
}

// LastRecorded returns what the last run in the journals of a folder made
// effective, by address, for the targets that are wanted. One that no journal
// knows is missing. Journals are read from the newest on, as far as needed.
func LastRecorded(folder string, wanted map[string]bool) (map[string]Recorded, error) {
	runs, err := Histories(folder)
	if err != nil {
		return nil, err
	}
	last := map[string]Recorded{}
	for _, run := range slices.Backward(runs) {
		if len(last) == len(wanted) {
			break
		}
		h, err := ReadHistory(folder, run)
		if err != nil {
			return nil, err
		}
		for _, host := range h.Hosts {
			for address, values := range host.Values {
				if _, later := last[address]; wanted[address] && !later {
					last[address] = Recorded{run, values}
				}
			}
		}
	}
	return last, nil
}

// effective returns the arguments that a host's changes make effective.
func effective(h *plan.HostPlan) map[string]map[schema.Keyword]schema.Argument {
	values := map[string]map[schema.Keyword]schema.Argument{}
	for _, c := range h.Changes() {
		of := map[schema.Keyword]schema.Argument{}
		for _, d := range c.Settings {
			of[d.Keyword] = d.After
		}
		values[c.Address.String()] = of
	}
	return values
}
