package fapi_test

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// leftOut are attacks of testdata/attacks.tsv without a subtest, and why.
var leftOut = map[string]string{
	"S68": "mutants were killed by hand when the packages were written; no tool runs on every change",
	"J16": "a token stolen through another server's token response is refused by the binding of the token, which cnf tests",
}

// Every attack in the catalogue is a named subtest ("D26 replay in the skew
// tail"), or is left out for a reason.
func TestAttacks(t *testing.T) {
	t.Parallel()
	tested := testedIDs(t)
	list, err := os.Open("testdata/attacks.tsv")
	require.NoError(t, err)
	defer list.Close()
	count := 0
	for lines := bufio.NewScanner(list); lines.Scan(); count++ {
		id, attack, ok := strings.Cut(lines.Text(), "\t")
		require.True(t, ok, lines.Text())
		if leftOut[id] != "" {
			require.False(t, tested[id], "%s is tested: take it out of leftOut", id)
			continue
		}
		require.True(t, tested[id], "%s %s: no subtest", id, attack)
	}
	require.Greater(t, count, 150, "the catalogue was read")
}

var idPrefix = regexp.MustCompile(`^([A-Z]\d\d[, ]+)+`)

// testedIDs collects the ids with which names in test files begin, in all
// modules and in the conformance kit.
func testedIDs(t *testing.T) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		isTest := strings.HasSuffix(name, "_test.go") || filepath.Dir(name) == filepath.Join("replay", "replaytest")
		if err != nil || !isTest || !strings.HasSuffix(name, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(literal.Value)
			for id := range strings.FieldsFuncSeq(idPrefix.FindString(text), func(r rune) bool { return r == ',' || r == ' ' }) {
				ids[id] = true
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	return ids
}

// S66: there is no option that turns a check off, and an escape hatch has a
// name that shows in a review.
func TestNoOffSwitch(t *testing.T) {
	t.Parallel()
	suspicious := regexp.MustCompile(`(?i)skip|insecure|disable|unsafe|ignore|noverify|without|allow|lenient`)
	known := map[string]bool{
		"AllowBearer":     true, // dpop.Transport: a client's own risk, no server accepts more
		"AllowedPrefixes": true, // jwks.RemoteConfig: which internal addresses may be fetched from
	}
	t.Run("S66 no exported option turns a check off", func(t *testing.T) {
		t.Parallel()
		for _, file := range sources(t) {
			if strings.HasPrefix(file.folder, "internal/") {
				continue
			}
			for _, name := range declaredNames(file.ast) {
				require.True(t, known[name] || !suspicious.MatchString(name), "%s: %s", file.name, name)
			}
		}
	})
	t.Run("S66 control: such names are seen", func(t *testing.T) {
		t.Parallel()
		require.True(t, suspicious.MatchString("SkipExpiry"))
		require.True(t, suspicious.MatchString("AllowBearer"))
	})
}

// declaredNames are the exported functions, methods, types, values and fields.
func declaredNames(file *ast.File) (names []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		var declared []*ast.Ident
		switch node := node.(type) {
		case *ast.FuncDecl:
			declared = []*ast.Ident{node.Name}
		case *ast.TypeSpec:
			declared = []*ast.Ident{node.Name}
		case *ast.ValueSpec:
			declared = node.Names
		case *ast.StructType:
			for _, field := range node.Fields.List {
				declared = append(declared, field.Names...)
			}
		}
		for _, name := range declared {
			if name.IsExported() {
				names = append(names, name.Name)
			}
		}
		return true
	})
	return names
}
