package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/schema"
)

// A visited is a host and what a visit to it gave.
type visited[T any] struct {
	reach apply.Reach
	got   T
	err   error
}

// reaches returns how to reach the hosts of a configuration, by name, those
// that are chosen or all.
func reaches(cfg *schema.Config, chosen []string) ([]apply.Reach, error) {
	known := map[string]apply.Reach{}
	var names []string
	for _, t := range cfg.Targets {
		if _, seen := known[t.Host.Name]; !seen {
			names = append(names, t.Host.Name)
			known[t.Host.Name] = apply.Reach{Host: t.Host.Name, Connection: t.Connection, Fallback: t.Fallback}
		}
	}
	slices.Sort(names)
	if len(chosen) == 0 {
		chosen = names
	}
	var found []apply.Reach
	for _, name := range chosen {
		reach, declared := known[name]
		if !declared {
			detail := fmt.Sprintf("No block of the configuration manages a host %q.", name)
			if near := nearest(name, names); near != "" {
				detail += fmt.Sprintf(" Did you mean %q?", near)
			}
			return nil, problem("Unknown host", detail)
		}
		found = append(found, reach)
	}
	return found, nil
}

// visit goes to hosts, several at a time, and returns what it got from each,
// in their order. A host that cannot be reached is an error of its own.
func visit[T any](ctx context.Context, t *tour, do func(context.Context, apply.Host) (T, error)) []visited[T] {
	results := make([]visited[T], len(t.hosts))
	var mu sync.Mutex
	tell := func(e apply.Event) {
		mu.Lock()
		defer mu.Unlock()
		t.events(e)
	}
	var group errgroup.Group
	group.SetLimit(t.parallelism)
	for i, reach := range t.hosts {
		group.Go(func() error {
			got, err := visitOne(ctx, t.dialer, reach, tell, do)
			results[i] = visited[T]{reach, got, err}
			return nil
		})
	}
	group.Wait()
	return results
}

func visitOne[T any](ctx context.Context, d apply.Dialer, reach apply.Reach, tell func(apply.Event), do func(context.Context, apply.Host) (T, error)) (got T, err error) {
	host, err := apply.DialTwice(ctx, d, reach, tell)
	if err != nil {
		return got, err
	}
	if got, err = do(ctx, host); err == nil {
		if k, keeps := d.(*keeper); keeps {
			return got, k.keep(reach.Host, host)
		}
	}
	host.Close()
	return got, err
}

// unvisited tells which hosts could not be visited.
func unvisited[T any](results []visited[T]) schema.Diagnostics {
	var found schema.Diagnostics
	for _, r := range results {
		if r.err != nil {
			found = append(found, schema.Diagnostic{
				Severity: schema.Error, Summary: "Host could not be read", Detail: sentence(r.err),
				Where: &schema.Place{Host: r.reach.Host, Step: string(apply.StepConnect)},
			})
		}
	}
	return found
}
