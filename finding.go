package fapi

// Severity is how binding the clause of a [Finding] is.
type Severity string

// The severities.
const (
	Must   Severity = "must"   // the clause says shall or must: the profile is not met
	Should Severity = "should" // the clause recommends
)

// Finding is one deviation from a profile. The texts may quote short values of
// what was checked, such as URLs and names of algorithms, with everything that
// is not printable escaped.
type Finding struct {
	Clause   string   `json:"clause"` // the document and its section, with the item: "FAPI 2.0 SP 5.3.2.2-5"
	Severity Severity `json:"severity"`
	Field    string   `json:"field"`   // what it is about: "grant_types_supported", "keys[0].n", "front.scope"
	Problem  string   `json:"problem"` // what was found there
	Change   string   `json:"change"`  // what to do about it
}

// row is a line of the tables: where when holds, check has to find nothing wrong
// with the field. A field with one * stands for all members that fit.
type row struct {
	clause   string
	severity Severity
	field    string
	when     condition // nil: always
	check    check
	change   string
}

// condition says whether a row is about this document.
type condition func(document) bool

// check returns what is wrong with a field, or nothing. A member of another
// JSON type is the matter of the rows that check types, and of no other.
type check func(d document, field string) (problem string)

// findings evaluates the rows in order. The prefix is put before every field.
func (d document) findings(rows []row, prefix string) (found []Finding) {
	for _, row := range rows {
		if row.when != nil && !row.when(d) {
			continue
		}
		for _, field := range d.fields(row.field) {
			if problem := row.check(d, field); problem != "" {
				found = append(found, Finding{row.clause, row.severity, printable(prefix + field), problem, row.change})
			}
		}
	}
	return found
}

// Changes that several tables ask for.
const (
	useTLS             = "serve it over TLS, and name it by an absolute https URL"
	useKeys            = "authenticate by private_key_jwt, tls_client_auth or self_signed_tls_client_auth only"
	useSoundEncryption = "use RSA-OAEP-256 or ECDH-ES"
)
