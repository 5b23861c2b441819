// Package configtest changes configurations at one place, for tests of what their
// programs say to that.
package configtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Absent takes a member away.
type Absent struct{}

// Document is a configuration as JSON, for changes that its type would not allow.
type Document map[string]any

// Read reads one from a file.
func Read(t *testing.T, name string) (d Document) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

var step = regexp.MustCompile(`[a-z0-9_]+|\[\d+\]`)

// Set changes what stands at a path such as apis[1].routes[0].
func (d Document) Set(t *testing.T, path string, value any) {
	t.Helper()
	steps := step.FindAllString(path, -1)
	var at any = map[string]any(d)
	for i, name := range steps {
		last := i == len(steps)-1
		switch parent := at.(type) {
		case map[string]any:
			if _, gone := value.(Absent); last && gone {
				delete(parent, name)
			} else if last {
				parent[name] = value
			}
			at = parent[name]
		case []any:
			index, err := strconv.Atoi(name[1 : len(name)-1])
			require.NoError(t, err)
			if last {
				parent[index] = value
			}
			at = parent[index]
		default:
			require.Fail(t, "no such path", path)
		}
	}
}

// Write puts it into a new file of a folder.
func (d Document) Write(t *testing.T, folder string) (name string) {
	t.Helper()
	text, err := json.Marshal(d)
	require.NoError(t, err)
	file, err := os.CreateTemp(folder, "*.json")
	require.NoError(t, err)
	_, err = file.Write(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return filepath.Join(folder, filepath.Base(file.Name()))
}
