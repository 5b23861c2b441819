package main

import (
	"fmt"
	"strconv"
	"strings"
)

// problem is a field of the configuration and the rule it breaks. The field is
// empty for the whole document.
type problem struct {
	field, rule string
}

func (p problem) String() string {
	if p.field == "" {
		return "document: " + p.rule
	}
	return p.field + ": " + p.rule
}

// problems are all that is wrong with a configuration.
type problems []problem

// Error lists them, a line each.
func (p problems) Error() string {
	var text strings.Builder
	text.WriteString("configuration refused")
	for _, one := range p {
		text.WriteString("\n  " + one.String())
	}
	return text.String()
}

// err is nil if there are none.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// section is a part of the configuration whose problems are noted together. Its
// path is empty for the whole document.
type section struct {
	problems *problems
	path     string
}

func (s section) field(name string) section { return section{s.problems, member(s.path, name)} }
func (s section) index(i int) section       { return section{s.problems, element(s.path, i)} }

// refuse notes that the section breaks a rule, unless it or something in it is
// known to break one: the first is the one to mend. Values of the configuration
// have no place in the text unless they are names; it holds passwords and keys.
func (s section) refuse(rule string, args ...any) {
	for _, known := range *s.problems {
		rest, ok := strings.CutPrefix(known.field, s.path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	*s.problems = append(*s.problems, problem{s.path, fmt.Sprintf(rule, args...)})
}

// unless notes the rule if ok is false.
func (s section) unless(ok bool, rule string, args ...any) {
	if !ok {
		s.refuse(rule, args...)
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
