package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// ShardKey returns the first 8 bytes of the SHA-256 of a host's name in hex.
// It depends on nothing else, so that every machine splits a fleet alike.
func ShardKey(host string) string {
	sum := sha256.Sum256([]byte(host))
	return hex.EncodeToString(sum[:8])
}

// Shard returns the shard of a host, 0 to total-1.
func Shard(host string, total int) int {
	sum := sha256.Sum256([]byte(host))
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(total))
}
