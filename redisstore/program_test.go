package redisstore_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program returns the path of a program the test needs. Without it the test is
// skipped, unless FAPI_REQUIRE is "all" or a comma-separated list that names the
// program: so a run that must test everything cannot pass by skipping.
func program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	text := "needs " + name + " (Debian: apt-get install " + debian + ")"
	if required(os.Getenv("FAPI_REQUIRE"), name) {
		t.Fatal(text)
	}
	t.Skip(text)
	return ""
}

func required(list, name string) bool {
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(names, "all") || slices.Contains(names, name)
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{
		"":                    false,
		"nginx":               false,
		"redis-server-old":    false,
		"all":                 true,
		"redis-server":        true,
		"nginx, redis-server": true,
		"nginx,all":           true,
	} {
		require.Equal(t, want, required(list, "redis-server"), list)
	}
}
