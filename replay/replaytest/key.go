package replaytest

import (
	"crypto/rand"
	"strings"
)

// newKey returns what consumers usually hand in: 32 random bytes.
func newKey() string {
	var b [32]byte
	rand.Read(b[:])
	return string(b[:])
}

// awkwardKeys returns different keys that a careless store takes for one: cut off,
// folded, trimmed, decoded, normalised, or ended at a NUL. All but the empty one
// start with prefix, which is random so that a store may keep its contents.
func awkwardKeys(prefix string) []string {
	tails := []string{
		"", "a", "A", "a ", " a", "a\n", "a\x00", "a\x00b", "\x00a", "%61", "YQ",
		"a:b", "a/b", "a\\b", "a*", "a'--", "{a}b", "{a}c",
		"\xff", "\xfe", "\ufffd", "\xc3\xa9", "e\xcc\x81", "\r\n", "\r\nDEL",
	}
	for _, n := range []int{63, 64, 127, 128, 250, 251, 1024, 64 << 10} {
		long := strings.Repeat("x", n)
		tails = append(tails, long, long+"1", long+"2", "1"+long)
	}
	keys := []string{""}
	for _, t := range tails {
		keys = append(keys, prefix+t)
	}
	return keys
}
