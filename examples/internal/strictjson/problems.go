package strictjson

import (
	"fmt"
	"strconv"
	"strings"
)

// Problem is a field of the configuration and the rule it breaks. The field is
// empty for the whole document.
type Problem struct {
	Field, Rule string
}

// String is one line of [Problems].
func (p Problem) String() string {
	if p.Field == "" {
		return "document: " + p.Rule
	}
	return p.Field + ": " + p.Rule
}

// Problems are all that is wrong with a configuration.
type Problems []Problem

// Error lists them, a line each.
func (p Problems) Error() string {
	var text strings.Builder
	text.WriteString("configuration refused")
	for _, one := range p {
		text.WriteString("\n  " + one.String())
	}
	return text.String()
}

// Err is nil if there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Root is the whole document, whose problems are noted in p.
func (p *Problems) Root() Section { return Section{p, ""} }

// Section is a part of the configuration whose problems are noted together.
type Section struct {
	problems *Problems
	path     string
}

// Field is a member of an object.
func (s Section) Field(name string) Section { return Section{s.problems, member(s.path, name)} }

// Index is an element of an array.
func (s Section) Index(i int) Section { return Section{s.problems, element(s.path, i)} }

// Sound is true while neither the section nor anything in it has a problem.
func (s Section) Sound() bool {
	for _, known := range *s.problems {
		rest, ok := strings.CutPrefix(known.Field, s.path)
		if ok && (rest == "" || s.path == "" || rest[0] == '.' || rest[0] == '[') {
			return false
		}
	}
	return true
}

// Refuse notes that the section breaks a rule, unless it or something in it is
// known to break one: the first is the one to mend. Values of the configuration
// have no place in the text unless they are names; it holds passwords and keys.
func (s Section) Refuse(rule string, args ...any) {
	if s.Sound() {
		*s.problems = append(*s.problems, Problem{s.path, fmt.Sprintf(rule, args...)})
	}
}

// Unless notes the rule if ok is false.
func (s Section) Unless(ok bool, rule string, args ...any) {
	if !ok {
		s.Refuse(rule, args...)
	}
}

// member quotes names that are more than letters: they are shown on terminals.
func member(path, name string) string {
	if quoted := strconv.QuoteToASCII(name); quoted != `"`+name+`"` || name == "" {
		name = quoted
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
