package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/sshform/sshform/schema"
)

// MaxShards bounds how many shards a fleet is split into.
const MaxShards = 100_000

// ShardKey returns the first 8 bytes of the SHA-256 of a host's name in hex.
// It depends on nothing else, so that every machine splits a fleet alike. The
// hosts of a wave take their turns in the same order.
func ShardKey(host string) string { return fmt.Sprintf("%016x", shardNumber(host)) }

// Shard returns the shard of a host, 0 to total-1.
func Shard(host string, total int) int { return int(shardNumber(host) % uint64(total)) }

// shardNumber is the ShardKey as a number, which sorts the same.
func shardNumber(host string) uint64 {
	sum := sha256.Sum256([]byte(host))
	return binary.BigEndian.Uint64(sum[:8])
}

// OfShard returns the configuration with the targets of one shard only, for
// reading the hosts of a part. by is as Options.ShardBy. Build is given the
// whole configuration.
func OfShard(cfg *schema.Config, by string, index, total int) *schema.Config {
	split := NewSplit(groupsBy(cfg, by), total)
	part := *cfg
	part.Targets = nil
	for _, t := range cfg.Targets {
		if split.Of(t.Host.Name) == index {
			part.Targets = append(part.Targets, t)
		}
	}
	return &part
}

// groupsBy are the values of a variable, by host; nil for no variable.
func groupsBy(cfg *schema.Config, variable string) map[string]string {
	if variable == "" {
		return nil
	}
	groups := map[string]string{}
	for host, variables := range hostVariables(cfg) {
		groups[host] = variables[variable]
	}
	return groups
}
