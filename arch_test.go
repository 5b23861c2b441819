package fapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/go-fapi/fapi"

// allowed are the imports between packages beyond "anybody may import
// internal": everything else meets through interfaces.
var allowed = map[string][]string{
	"accesstoken":       {"cnf"},
	"introspection":     {"cnf"},
	"phantom":           {"cnf", "introspection"},
	"dpop/dpoptest":     {"dpop"},
	"replay/replaytest": {"replay"},
}

// maxNames is how many exported names a package may have; 20 if not said here.
// dpop has three roles; mtls has two, the formats of proxies, and five kinds of
// subject.
var maxNames = map[string]int{"dpop": 40, "mtls": 35}

// sourceFile is a parsed file of the root module that is not a test.
type sourceFile struct {
	folder string // relative, "." for the root
	name   string
	lines  int
	ast    *ast.File
}

// sources parses in-process: a test that asks a child process is served stale
// results from the test cache.
func sources(t *testing.T) (files []sourceFile) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (err == nil || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, sourceFile{
			folder: path.Dir(filepath.ToSlash(name)), name: name, lines: set.File(parsed.FileStart).LineCount(), ast: parsed,
		})
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(files), 40, "the walk found the module")
	return files
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		for _, spec := range file.ast.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			require.True(t, mayImport(file.folder, imported), "%s imports %s", file.name, imported)
		}
	}
}

func mayImport(folder, imported string) bool {
	if strings.HasPrefix(imported, "github.com/lestrrat-go/jwx") {
		return folder == "internal/jose"
	}
	if imported == "log" || imported == "unsafe" || imported == "C" {
		return false
	}
	own, ok := strings.CutPrefix(imported, module+"/")
	if !ok {
		return imported != module // the front page is for programs
	}
	if own == "internal/testkeys" || own == "internal/xraw" {
		return false // for tests
	}
	return strings.HasPrefix(own, "internal/") || slices.Contains(allowed[folder], own)
}

func TestMayImport(t *testing.T) {
	t.Parallel()
	require.True(t, mayImport("accesstoken", module+"/cnf"))
	require.True(t, mayImport("dpop", module+"/internal/jose"))
	require.False(t, mayImport("cnf", module+"/dpop"), "cnf knows methods, not packages")
	require.False(t, mayImport("internal/jose", module+"/dpop"))
	require.False(t, mayImport("dpop", "github.com/lestrrat-go/jwx/v2/jwk"))
	require.False(t, mayImport("dpop", module))
	require.False(t, mayImport("dpop", module+"/internal/testkeys"))
}

func TestFiles(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, file := range sources(t) {
		require.LessOrEqual(t, file.lines, 450, file.name)
		documented[file.folder] = documented[file.folder] || file.ast.Doc != nil
		for _, declaration := range file.ast.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			require.False(t, ok && function.Recv == nil && function.Name.Name == "init", "%s has an init", file.name)
		}
	}
	for folder, ok := range documented {
		require.True(t, ok, "%s has no package comment", folder)
	}
}

func TestExportedNames(t *testing.T) {
	t.Parallel()
	names := map[string][]string{}
	for _, file := range sources(t) {
		if !strings.HasPrefix(file.folder, "internal/") {
			names[file.folder] = append(names[file.folder], exportedNames(t, file)...)
		}
	}
	for folder, exported := range names {
		limit := maxNames[folder]
		if limit == 0 {
			limit = 20
		}
		require.LessOrEqual(t, len(exported), limit, "%s exports %v", folder, exported)
	}
}

// exportedNames are the types, functions, constants and variables of a file;
// error sentinels are counted as one, since they are one vocabulary. Every
// exported declaration, methods included, must have a comment.
func exportedNames(t *testing.T, file sourceFile) (names []string) {
	for _, declaration := range file.ast.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			if !declaration.Name.IsExported() || !exportedReceiver(declaration) {
				continue
			}
			require.NotNil(t, declaration.Doc, "%s: %s has no comment", file.name, declaration.Name)
			if declaration.Recv == nil {
				names = append(names, declaration.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				names = append(names, specNames(t, file, declaration, spec)...)
			}
		}
	}
	return names
}

// exportedReceiver is true for functions and for methods that documentation shows.
func exportedReceiver(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	receiver := function.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}

func specNames(t *testing.T, file sourceFile, declaration *ast.GenDecl, spec ast.Spec) (names []string) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			require.True(t, declaration.Doc != nil || spec.Doc != nil, "%s: %s has no comment", file.name, spec.Name)
			names = append(names, spec.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && !strings.HasPrefix(name.Name, "Err") {
				names = append(names, name.Name)
			}
		}
	}
	return names
}
