package remote

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentTimeout is how long an agent may take to list its keys.
const agentTimeout = 10 * time.Second

// agentKeys are the keys of one agent, listed once.
type agentKeys struct {
	once   sync.Once
	conn   net.Conn
	offers []*offer
	err    error
}

// agent lists the keys of the agent behind a socket, once.
func (k *keyring) agent(ctx context.Context, socket string, dial func(context.Context, string) (net.Conn, error)) ([]*offer, error) {
	k.mu.Lock()
	keys := k.agents[socket]
	if keys == nil {
		keys = &agentKeys{}
		if k.agents == nil {
			k.agents = map[string]*agentKeys{}
		}
		k.agents[socket] = keys
	}
	k.mu.Unlock()
	// One host that gives up must not take the agent from the others.
	keys.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), agentTimeout)
		defer cancel()
		keys.list(ctx, socket, dial)
	})
	return keys.offers, keys.err
}

func (a *agentKeys) list(ctx context.Context, socket string, dial func(context.Context, string) (net.Conn, error)) {
	if dial == nil {
		dial = func(ctx context.Context, socket string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	}
	a.conn, a.err = dial(ctx, socket)
	if a.err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { a.conn.Close() })
	client := agent.NewClient(a.conn)
	listed, err := client.List()
	if err == nil {
		var signers []ssh.Signer
		if signers, err = client.Signers(); err == nil {
			a.offers = agentOffers(listed, signers)
		}
	}
	if !stop() {
		err = context.Cause(ctx)
	}
	a.err = err
}

func agentOffers(listed []*agent.Key, signers []ssh.Signer) []*offer {
	comments := map[string]string{}
	for _, key := range listed {
		comments[string(key.Blob)] = clean(key.Comment)
	}
	var out []*offer
	for _, signer := range signers {
		// The library gives the agent's own type, which hides certificates.
		key, err := ssh.ParsePublicKey(signer.PublicKey().Marshal())
		if err != nil {
			continue // a kind of key that nobody here can offer
		}
		name := fmt.Sprintf("the agent's %s %s", key.Type(), orDefault(comments[string(key.Marshal())], ssh.FingerprintSHA256(key)))
		out = append(out, &offer{public: key, name: name, signer: ready(signer)})
	}
	return out
}
