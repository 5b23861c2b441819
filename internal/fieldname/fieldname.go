// Package fieldname compares names of HTTP fields as the most careless server does:
// without regard to case, and with an underscore for a hyphen. CGI and its kin map
// Client_Cert and Client-Cert to one variable.
package fieldname

// Alike reports whether two names are one to such a server.
func Alike(name, own string) bool {
	if len(name) != len(own) {
		return false
	}
	for i := range len(name) {
		if lower(name[i]) != lower(own[i]) {
			return false
		}
	}
	return true
}

// Continues reports whether name is own, or own and more after a hyphen.
func Continues(name, own string) bool {
	return Alike(name[:min(len(name), len(own))], own) && (len(name) == len(own) || lower(name[len(own)]) == '-')
}

// lower is the letter in lower case, or the hyphen for its look-alike.
func lower(c byte) byte {
	switch {
	case c == '_':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}
