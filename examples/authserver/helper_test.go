package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/ppid"
)

// absent takes a member away.
type absent struct{}

// newFolder is what -init makes.
func newFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "demo")
	require.NoError(t, initialise(folder, io.Discard))
	return folder
}

func ed25519PEM(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	text, err := keyPEM(key)
	require.NoError(t, err)
	return text
}

// document is a configuration as JSON, for changes that the type would not allow.
type document map[string]any

func readDocument(t *testing.T, folder string) (d document) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "as.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

var step = regexp.MustCompile(`[a-z0-9_]+|\[\d+\]`)

// set changes what stands at a path such as clients[1].redirect_uris[0].
func (d document) set(t *testing.T, path string, value any) {
	t.Helper()
	steps := step.FindAllString(path, -1)
	var at any = map[string]any(d)
	for i, name := range steps {
		last := i == len(steps)-1
		switch parent := at.(type) {
		case map[string]any:
			if _, gone := value.(absent); last && gone {
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

// loadDocument loads a configuration as if it stood in the folder.
func loadDocument(t *testing.T, folder string, d any) (*service, error) {
	t.Helper()
	text, ok := d.([]byte)
	if !ok {
		var err error
		text, err = json.Marshal(d)
		require.NoError(t, err)
	}
	file, err := os.CreateTemp(folder, "*.json")
	require.NoError(t, err)
	_, err = file.Write(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return loadWith(file.Name(), newJournal(&bytes.Buffer{}, false), noWeb{})
}

// noWeb knows of one document.
type noWeb struct{}

// SectorOf implements sectors.
func (noWeb) SectorOf(_ context.Context, uri string, redirectURIs []string) (ppid.Sector, error) {
	if uri != "" && uri != "https://shop.example/uris" {
		return ppid.Sector{}, errors.New("no such document")
	}
	return ppid.SectorOf(uri, redirectURIs)
}
